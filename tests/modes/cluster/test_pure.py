"""Where workers are to be in a cluster, who may have what of a place, and what is told of both."""

from __future__ import annotations

import pytest

from jellyfish.modes.cluster.claims import HELD_S, UNUSED_S, Claims
from jellyfish.modes.cluster.lines import (
    JoinCluster,
    KeeperSaid,
    NoCluster,
    PlacedWorker,
    PlaceWithout,
    WorkersNow,
    WorkerWish,
    as_bytes,
    as_line,
    keeper_said,
    line_of_placer,
    line_of_server,
    wish_of,
)
from jellyfish.modes.cluster.places import ClusterNode, PlaceNames, places, why_none

SMALL, LARGE = WorkerWish("cuda", "small"), WorkerWish("cuda", "large")
PROCESSORS = ClusterNode("a" * 56, "10.0.0.1", 8, 0)
GPUS = ClusterNode("b" * 56, "10.0.0.2", 16, 2)
HEAD = ClusterNode("c" * 56, "10.0.0.3", 0, 0)


def test_there_is_a_place_for_each_gpu_or_for_each_nodes_processors() -> None:
    nodes = [PROCESSORS, GPUS, HEAD]
    assert [(each.node, each.device) for each in places(nodes, "cuda")] == [(GPUS, "cuda:0"), (GPUS, "cuda:1")]
    assert [(each.node, each.device) for each in places(nodes, "cpu")] == [(PROCESSORS, "cpu"), (GPUS, "cpu")]
    keys = [each.key for device in ("cpu", "cuda") for each in places(nodes, device)]
    assert len(set(keys)) == 4, "each is a keeper of its own"


def test_that_there_is_none_is_said_with_what_to_do() -> None:
    assert why_none([GPUS], "cuda") == ""
    assert "--num-gpus" in why_none([PROCESSORS, HEAD], "cuda") and "--num-cpus" in why_none([HEAD], "cpu")
    assert why_none([], "cpu") == "the cluster has no node"


def test_a_place_keeps_its_name_and_one_at_the_same_host_gets_another() -> None:
    names, [old] = PlaceNames(), places([PROCESSORS], "cpu")
    [again] = places([ClusterNode("d" * 56, PROCESSORS.host, 8, 0)], "cpu")
    names.keep([old])
    assert names.of(old) == "cpu@10.0.0.1"
    names.keep([old, again])  # its node has died, which the cluster has yet to notice
    assert (names.of(again), names.of(old)) == ("cpu@10.0.0.1~dddddd", "cpu@10.0.0.1")
    names.keep([again])
    assert names.of(again) == "cpu@10.0.0.1~dddddd", "a device is not called otherwise while it is there"
    names.keep([])
    assert names.of(again) == "cpu@10.0.0.1"


def test_the_first_wish_holds_as_long_as_somebody_has_it() -> None:
    claims = Claims(0.0)
    assert claims.wish is None
    claims.ask("one", SMALL, 1.0)
    claims.ask("other", LARGE, 2.0)
    assert claims.wish == SMALL and not claims.why_not(SMALL)
    assert "small" in claims.why_not(LARGE)
    claims.ask("other", LARGE, 1.0 + HELD_S)
    assert claims.wish == SMALL
    claims.look(1.1 + HELD_S)
    assert claims.wish == LARGE, "who wanted the other has gone"
    claims.ask("other", SMALL, 20.0)
    assert claims.wish == SMALL, "one that is alone may change its mind"


def test_a_place_is_unused_when_nobody_has_asked_for_long() -> None:
    claims = Claims(0.0)
    claims.ask("one", SMALL, 10.0)
    claims.look(10.0 + UNUSED_S)
    assert not claims.unused(10.0 + UNUSED_S)
    assert claims.unused(10.1 + UNUSED_S)
    assert claims.wish == SMALL, "what runs goes on till then: its server may come back"


def test_what_is_said_comes_as_it_was_and_shows_no_token() -> None:
    worker = PlacedWorker("cpu@10.0.0.1", "10.0.0.1", 4711, "-----BEGIN CERTIFICATE-----", "secret-secret")
    for said in (WorkersNow(2, (worker,), (PlaceWithout("cpu@10.0.0.2", "a\nb"),)), NoCluster("none")):
        line = as_line(said)
        assert line.count(b"\n") == 1 and line_of_placer(line) == said
        assert "secret-secret" not in repr(said)
    join = JoinCluster("ray://head:10001", "front", SMALL)
    assert line_of_server(as_line(join)) == join
    answer = KeeperSaid(3, 4711, "-----BEGIN CERTIFICATE-----", "secret-secret", "")
    assert keeper_said(as_bytes(answer)) == answer and "secret-secret" not in repr(answer)
    assert wish_of(as_bytes(LARGE)) == LARGE
    for read in (line_of_placer, line_of_server, keeper_said, wish_of):
        with pytest.raises(ValueError):
            read(b'{"of": "another version"}')
