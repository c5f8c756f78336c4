"""A fixed split of the SLO, three quarters for the server and one for the network, whatever either needs. Pure.

Source: one of the weaker policies of Jellyfish (RTSS 2022).
"""

from __future__ import annotations

from jellyfish.camera.controllers.controller import ControllerTerms
from jellyfish.camera.controllers.local import Local

SERVER_SHARE = 0.75


class Split(Local):
    """The largest size that keeps to both shares."""

    def __init__(self, terms: ControllerTerms) -> None:
        super().__init__(terms)
        self._device_s = SERVER_SHARE * terms.slo_s
        self._network_s = terms.slo_s - self._device_s
