"""The page as a scraper sees it: both formats, whole, what it says of a server at work, and who may read it."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import pytest
from prometheus_client import parser
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics import parser as openmetrics_parser

from jellyfish.config import Limits
from jellyfish.protocol import wire
from jellyfish.server.access import Access, AccessRules, RouteKind, Token
from jellyfish.server.frame_way import STAGES
from jellyfish.server.metrics.catalogue import CATALOGUE, MetricKind
from jellyfish.server.metrics.meter import Meter
from jellyfish.server.metrics.page import KEPT_S, SAMPLES_AT_ONCE, write
from jellyfish.server.watching.hub import MOST_WAITING
from tests.server.metrics.servers import KNOWN_PROXY, asked, metered, scraped, values
from tests.server.peer import LARGE, Peer, connected, everyone_on, refused, welcomed
from tests.virtual import virtual

CAMERA, METRICS = RouteKind.CAMERA, RouteKind.METRICS
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


def some(counts: dict[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    """Those that are not 0."""
    return {labels: count for labels, count in counts.items() if count}


async def some_frames(peer: Peer, count: int) -> None:
    for number in range(count):
        await peer.send_frame(number)
        await peer.until(wire.Result)


@virtual
async def test_a_server_at_work_tells_all_of_the_catalogue_in_both_formats_and_nothing_else() -> None:
    async with metered(cameras=1) as service, welcomed("door") as peer:
        service.apply(everyone_on(LARGE, "door"))
        await some_frames(peer, 3)
        pages = [await scraped(), await scraped(OPENMETRICS)]
    plain = {family.name: family for family in parser.text_string_to_metric_families(pages[0])}
    modern = {family.name: family for family in openmetrics_parser.text_string_to_metric_families(pages[1])}
    for metric in CATALOGUE:
        name = metric.full_name.removesuffix("_total")
        name = name if metric.kind is not MetricKind.INFO else name.removesuffix("_info")
        assert (modern[name].type, modern[name].documentation) == (str(metric.kind), metric.words)
        labels = set(metric.labels) | ({"le"} if metric.kind is MetricKind.HISTOGRAM else set())
        assert all(set(sample.labels) in (labels, set(metric.labels)) for sample in modern[name].samples)
    assert len(modern) == len(plain) == len(CATALOGUE)


@virtual
async def test_frames_of_a_camera_that_reports_are_as_it_reports_them() -> None:
    async with metered(cameras=1) as service:
        async with welcomed("door") as peer:
            await some_frames(peer, 2)
            await asyncio.sleep(1)  # else nobody would believe in five frames
            told = wire.Report(5, on_time=1, missed={"late": {"network": 1}, "skipped": {"stale": 3}})
            await peer.send(wire.Bye(told))
            await peer.until(wire.Farewell)
        page = await scraped()
        assert not service.sessions
    assert some(values(page, "frames_total")) == {
        ("door", "on_time", "", "reported"): 1,
        ("door", "late", "network", "reported"): 1,
        ("door", "skipped", "stale", "reported"): 3,
    }
    assert some(values(page, "frames_received_total")) == {("answered", ""): 2}


@virtual
async def test_every_reason_has_a_count_before_its_first_frame() -> None:
    async with metered():
        counts = values(await scraped(), "frames_total")
    assert counts["", "skipped", "thinned", "reported"] == counts["", "on_time", "", "estimated"] == 0
    assert len(counts) > 25


@virtual
async def test_stages_add_up_to_the_whole_and_shares_are_of_the_deadline() -> None:
    async with metered() as service, welcomed("door", slo_ms=200) as peer:
        service.apply(everyone_on(LARGE, "door"))
        await some_frames(peer, 4)
        page = await scraped()
    seconds = values(page, "frame_stage_seconds_sum")
    assert seconds["e2e",] == pytest.approx(sum(seconds[stage,] for stage in STAGES))
    assert seconds["execute",] == pytest.approx(4 * 0.020)
    shares = values(page, "frame_stage_slo_ratio_sum")
    assert shares["execute",] == pytest.approx(4 * 0.020 / 0.200)
    assert values(page, "frame_stage_seconds_count")["e2e",] == 4
    assert values(page, "answers_total") == {("cpu", LARGE.name): 4}
    assert values(page, "batch_frames_bucket")["cpu", "1.0"] == 4


@virtual
async def test_dropped_frames_clients_and_refusals_are_counted() -> None:
    async with metered(limits=Limits(clients=1, proxies=KNOWN_PROXY.proxies)) as service, welcomed("door") as peer:
        await peer.send_frame(0, b"no JPEG")
        await peer.until(wire.Result)
        async with connected() as second:
            await refused(second, second.send(wire.Hello("second", 15, 100)))
        page = await scraped()
        assert values(page, "clients") == {("served",): 0, ("silent",): 0, ("without_place",): 1}
        service.apply(everyone_on(LARGE, "door"))
        await asyncio.sleep(KEPT_S)
        assert values(await scraped(), "clients")["served",] == 1
    assert some(values(page, "frames_received_total")) == {("dropped", "bad_image"): 1}
    assert values(page, "connections_refused_total") == {("full",): 1}
    received = values(page, "stream_bytes_total")
    assert received["received",] > len(b"no JPEG") and received["sent",] > 0


@virtual
async def test_those_who_watch_and_what_they_lost_are_counted() -> None:
    async with metered() as service, welcomed("door") as peer:
        service.hub.subscribe()
        for number in range(MOST_WAITING + 3):
            await peer.send_frame(number)
            await peer.until(wire.Result)
            await asyncio.sleep(0.1)
        page = await scraped()
    assert values(page, "watchers") == {(): 1} and values(page, "watch_lost_total") == {(): 3}


@virtual
async def test_a_camera_that_is_lost_stays_known_by_its_last_frame_and_one_that_says_goodbye_does_not() -> None:
    async with metered(cameras=2):
        for name in ("lost", "gone"):
            async with welcomed(name) as peer:
                await some_frames(peer, 1)
                if name == "gone":
                    await peer.send(wire.Bye())
                    await peer.until(wire.Farewell)
        await asyncio.sleep(1)
        assert list(values(await scraped(), "camera_last_frame_timestamp_seconds")) == [("lost",)]


@virtual
async def test_two_servers_of_one_process_share_nothing() -> None:
    one, other = Meter(), Meter()
    async with metered(meter=one), welcomed() as peer:
        await some_frames(peer, 1)
    assert one.received and not other.received


@virtual
async def test_readiness_is_told_until_the_server_drains() -> None:
    async with metered() as service:
        assert values(await scraped(), "ready") == {(): 1}
        await service.drain()
        await asyncio.sleep(KEPT_S)
        assert values(await scraped(), "ready") == {(): 0}


@virtual
async def test_who_may_read_it() -> None:
    async with metered(networks=("10.0.0.0/8",)):
        assert (await asked(X_Forwarded_For="127.0.0.1"))[0] == 200
        assert (await asked(X_Forwarded_For="10.9.8.7"))[0] == 200
        assert (await asked(X_Forwarded_For="127.0.0.1, 192.0.2.7"))[0] == 403
        assert (await asked())[0] == 403  # a peer without an address of its own
        assert (await asked(Forwarded="for=127.0.0.1"))[0] == 403
    async with metered(limits=Limits()):
        assert (await asked(X_Forwarded_For="127.0.0.1"))[0] == 403  # by a proxy that nobody knows


@virtual
async def test_where_tokens_are_asked_for_one_for_metrics_opens_it_from_anywhere_and_no_address_does() -> None:
    tokens = [Token(may.value, sha256(may.value.encode()).digest(), frozenset({may})) for may in (METRICS, CAMERA)]
    async with metered(access=Access(AccessRules(tuple(tokens), proxies=KNOWN_PROXY.proxies))):
        assert (await asked(X_Forwarded_For="127.0.0.1"))[0] == 401
        assert (await asked(X_Forwarded_For="192.0.2.7", Authorization="Bearer camera"))[0] == 403
        assert (await asked(X_Forwarded_For="192.0.2.7", Authorization="Bearer metrics"))[0] == 200


@virtual
async def test_formats_are_negotiated() -> None:
    async with metered():
        assert (await asked(X_Forwarded_For="::1"))[1].startswith("text/plain; version=0.0.4")
        kind = (await asked(X_Forwarded_For="::1", Accept=f"{OPENMETRICS},text/plain;q=0.5"))[1]
    assert kind.startswith("application/openmetrics-text; version=1.0.0")


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
@virtual
async def test_a_family_that_is_written_in_pieces_reads_as_one(accept: str) -> None:
    family = GaugeMetricFamily("many", "words", labels=["number"])
    for number in range(3 * SAMPLES_AT_ONCE + 1):
        family.add_metric([str(number)], number)
    encode, _ = choose_encoder(accept)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    text = (await write(iter([family]), encode)).decode()
    counting.cancel()
    read = openmetrics_parser if accept else parser
    (found,) = read.text_string_to_metric_families(text)
    assert found.samples == family.samples
    assert text.count("# HELP") == 1
    assert turns >= 3  # others had their turn between the pieces


@virtual
async def test_a_page_is_written_once_for_all_who_ask_at_about_the_same_time() -> None:
    async with metered() as service, welcomed() as peer:
        first = await scraped()
        await some_frames(peer, 1)
        assert await scraped() == first
        await asyncio.sleep(KEPT_S)
        assert await scraped() != first
        assert service.sessions
