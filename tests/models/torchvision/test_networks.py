"""The catalogue: what is offered, and what comes of a state file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor

from jellyfish.core import Variant
from jellyfish.errors import InputError
from jellyfish.models.torchvision.names import NAMES
from jellyfish.models.torchvision.networks import NETWORKS, Network, Zoo, ZooCard, build_network, open_zoo
from tests.models.torchvision.conftest import BY_NAME

CPU = torch.device("cpu")
SOME = "fasterrcnn_mobile,ssdlite"


def test_the_catalogue_is_in_order_of_size() -> None:
    operations = [network.published.meta["_ops"] for network in NETWORKS]
    assert operations == sorted(operations)
    assert tuple(network.name for network in NETWORKS) == NAMES


def test_variants_come_by_resolution_then_size_whatever_order_they_were_named_in(folder: Path) -> None:
    zoo = open_zoo(SOME, folder)
    assert zoo.order == ("ssdlite", "fasterrcnn_mobile")
    assert [variant.name for variant in zoo.variants()] == [
        "ssdlite-320",
        "fasterrcnn_mobile-320",
        "fasterrcnn_mobile-384",
        "fasterrcnn_mobile-448",
    ]


def test_without_a_card_accuracy_is_the_published_one_and_less_for_smaller_images(folder: Path) -> None:
    zoo = open_zoo(SOME, folder)
    assert zoo.accuracy(Variant(320, "ssdlite")) == pytest.approx(0.213)
    assert zoo.accuracy(Variant(448, "fasterrcnn_mobile")) == pytest.approx(0.228)
    assert 0.19 < zoo.accuracy(Variant(320, "fasterrcnn_mobile")) < 0.21
    fcos = BY_NAME["fcos"]
    assert fcos.expected_accuracy(2000) == pytest.approx(0.392)
    assert fcos.expected_accuracy(320) < fcos.expected_accuracy(448) < 0.392


def cards(folder: Path, target: Path, **card_of: ZooCard) -> Path:
    """A copy of the state files, with cards."""
    for file in folder.iterdir():
        (target / file.name).symlink_to(file)
    for name, card in card_of.items():
        (target / BY_NAME[name].file_name).with_suffix(".json").write_bytes(msgspec.json.encode(card))
    return target


def test_cards_say_accuracy_resolutions_and_threshold(folder: Path, tmp_path: Path) -> None:
    small, large = ZooCard(0.4, {320: 0.41}), ZooCard(0.9, {448: 0.5, 256: 0.3})
    zoo = open_zoo(SOME, cards(folder, tmp_path, ssdlite=small, fasterrcnn_mobile=large))
    assert {variant.name: zoo.accuracy(variant) for variant in zoo.variants()} == {
        "fasterrcnn_mobile-256": 0.3,
        "ssdlite-320": 0.41,
        "fasterrcnn_mobile-448": 0.5,
    }
    assert zoo.load("ssdlite", CPU).score_thresh == 0.4
    assert zoo.load("fasterrcnn_mobile", CPU).roi_heads.score_thresh == 0.9
    assert zoo.identity != open_zoo(SOME, folder).identity


def test_measured_and_expected_accuracy_are_not_mixed(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cards for ssdlite but none for fasterrcnn_mobile"):
        open_zoo(SOME, cards(folder, tmp_path, ssdlite=ZooCard(0.4, {320: 0.41})))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"score_threshold": 0.4}',
        '{"score_threshold": 0.4, "f1": {}}',
        '{"score_threshold": 2, "f1": {"320": 0.5}}',
        '{"score_threshold": 0.4, "f1": {"320": 1.5}}',
        '{"score_threshold": 0.4, "f1": {"5000": 0.5}}',
        '{"score_threshold": 0.4, "f1": {"wide": 0.5}}',
        '{"score_threshold": 0.4, "f1": {"320": 0.5}, "extra": 1}',
    ],
)
def test_a_wrong_card_is_refused(tmp_path: Path, text: str) -> None:
    state = tmp_path / BY_NAME["ssdlite"].file_name
    state.touch()
    path = state.with_suffix(".json")
    path.write_text(text)
    with pytest.raises(InputError, match=path.name):
        open_zoo("ssdlite", tmp_path)


@pytest.mark.parametrize("name", ["yolo", "ssdlite,yolo", "ssdlite,,yolo"])
def test_an_unknown_name_is_refused_with_those_that_are_known(folder: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"unknown network '(yolo)?': use torchvision, or .*fasterrcnn_mobile"):
        open_zoo(name, folder)


def test_a_missing_file_is_named_before_anything_is_loaded(folder: Path) -> None:
    with pytest.raises(InputError, match=r"fcos_resnet50_fpn_coco-99b0c9b7\.pth, the weights of fcos"):
        open_zoo("", folder)


def test_what_cannot_be_downloaded_is_the_users_to_bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(url: str, path: str, checksum: str, progress: bool) -> None:
        assert url.endswith("-a79551df.pth") and path.endswith("-a79551df.pth") and checksum == "a79551df"
        raise OSError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(InputError, match=r"no route to host.*--weights FOLDER"):
        open_zoo("ssdlite", None)


def test_what_torchvision_has_downloaded_before_is_used(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "checkpoints").symlink_to(folder)
    assert open_zoo(SOME, None).load("ssdlite", CPU) is not None


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('a file ran code')",)


def zoo_with(tmp_path: Path, content: object) -> Zoo:
    """A zoo whose only network has this for a state file: bytes as they are, all else as torch writes it."""
    path = tmp_path / BY_NAME["ssdlite"].file_name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    return open_zoo("ssdlite", tmp_path)


@pytest.mark.parametrize("content", [b"", b"no tensors", [1, 2], {"weights": 3}, {"weights": Evil()}, torch.zeros(3)])
def test_a_file_that_holds_no_state_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(InputError, match=BY_NAME["ssdlite"].file_name):
        zoo_with(tmp_path, content).load("ssdlite", CPU)


def test_the_state_of_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not the state of ssdlite"):
        zoo_with(tmp_path, {"backbone.weight": torch.zeros(3)}).load("ssdlite", CPU)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_a_network_is_built_as_torchvision_builds_it_for_its_published_weights(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = build_network(network, 0.5)
    own = published(ours.state_dict())
    monkeypatch.setattr(type(network.published), "get_state_dict", lambda self, *rest, **options: dict(own))
    with torch.device("meta"):
        theirs = network.build(weights=network.published)
    assert {key: tensor.shape for key, tensor in theirs.state_dict().items() if key in own} == {
        key: tensor.shape for key, tensor in own.items()
    }
    assert epsilons(ours) == epsilons(theirs)


def published(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The part of a state that published files hold."""
    return {key: tensor for key, tensor in state.items() if "num_batches_tracked" not in key}


def epsilons(network: torch.nn.Module) -> list[float]:
    return [part.eps for part in network.modules() if hasattr(part, "running_var")]


@pytest.mark.parametrize("name", ["ssdlite", "fasterrcnn_mobile"])
def test_a_network_computes_what_torchvisions_own_loading_would(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = BY_NAME[name]
    state = published(torch.load(folder / network.file_name, weights_only=True))
    monkeypatch.setattr(type(network.published), "get_state_dict", lambda self, *rest, **options: dict(state))
    prefix = network.option_prefix
    options: dict[str, Any] = {f"{prefix}score_thresh": 0.5, f"{prefix}detections_per_img": 100}
    if not network.fixed:
        options |= {"min_size": 192, "max_size": 320}  # as large as the image, so that nothing is scaled
    theirs = network.build(weights=network.published, **options).eval()
    ours = open_zoo(name, folder).load(name, CPU)
    image = torch.rand(1, 3, 192, 320, generator=torch.manual_seed(1))
    with torch.inference_mode():
        (expected,), (found,) = theirs([image[0]]), ours(image)
    assert len(expected["scores"]) > 0
    for key in ("labels", "scores", "boxes"):
        torch.testing.assert_close(found[key], expected[key], rtol=1e-3, atol=1e-2)
