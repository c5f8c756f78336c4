import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.errors import InputError
from jellyfish.link.files import load_trace, read_trace, save_trace
from jellyfish.link.synthetic import lte_like, resolve_trace
from jellyfish.link.trace import BandwidthTrace


def written(folder: Path, text: str, name: str = "cafe.txt") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_csv_file_is_read_in_mbit_and_from_its_first_time_on(tmp_path: Path) -> None:
    path = written(tmp_path, "time_s,mbps\n10,2\n\n11.5,0\n13,4.5\n", "cafe.csv")
    assert read_trace(path) == ("csv", BandwidthTrace((0.0, 1.5, 3.0), (2e6, 0.0, 4.5e6), "cafe"))


def test_a_csv_file_may_have_more_columns_a_byte_order_mark_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "cafe.csv"
    path.write_bytes("\ufeff# from a train\r\ntime_s, mbps, place\r\n0, 2, here\r\n1, 3, there\r\n".encode())
    assert load_trace(path) == BandwidthTrace((0.0, 1.0), (2e6, 3e6), "cafe")


def test_one_rate_per_line_lasts_a_second_each(tmp_path: Path) -> None:
    path = written(tmp_path, "20\n7.5\n\n0\n1e1\n")
    assert read_trace(path) == ("rates", BandwidthTrace((0.0, 1.0, 2.0, 3.0), (2e7, 7.5e6, 0.0, 1e7), "cafe"))


def test_a_comment_says_how_long_each_rate_lasts(tmp_path: Path) -> None:
    path = written(tmp_path, "# a bus\n# interval_s = 20\n20\n15\n")
    assert load_trace(path) == BandwidthTrace((0.0, 20.0), (2e7, 1.5e7), "cafe")


def test_mahimahi_packets_are_counted_in_steps_of_100_ms(tmp_path: Path) -> None:
    """The packet of millisecond 100 leaves before it, within the first step."""
    times = [0, 1, 50, 100, 101, 950, 1000]
    form, trace = read_trace(written(tmp_path, "\n".join(map(str, times)), "Some-LTE.up"))
    assert form == "packets"
    assert trace.times_s == pytest.approx([0.1 * step for step in range(10)])
    assert trace.bits_per_s == pytest.approx([rate * 120_000 for rate in (4, 1, 0, 0, 0, 0, 0, 0, 0, 2)])


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=300).map(sorted))
def test_a_mahimahi_trace_carries_its_packets(tmp_path_factory: pytest.TempPathFactory, times: list[int]) -> None:
    times.append(max(times[-1], 1000))
    path = written(tmp_path_factory.mktemp("packets"), "\n".join(map(str, times)))
    trace = load_trace(path)
    assert sum(trace.bits_per_s) * 0.1 == pytest.approx(len(times) * 12_000)
    assert trace.duration_s == pytest.approx(math.ceil(times[-1] / 100) / 10)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("999\n5\n", "rates"),
        ("1000\n1001\n", "packets"),
        ("1000.0\n1001.5\n", "rates"),
        ("time_s,mbps\n0,1000\n1,1001\n", "csv"),
    ],
)
def test_the_form_is_told_by_the_content_and_not_by_the_name(tmp_path: Path, text: str, form: str) -> None:
    for name in ("a.csv", "a.txt", "a.up", "a"):
        assert read_trace(written(tmp_path, text, name))[0] == form


def test_every_form_is_a_choice_of_a_trace(tmp_path: Path) -> None:
    for text in ("time_s,mbps\n0,12\n", "12\n", "\n".join(str(time_ms) for time_ms in range(1, 2001))):
        trace = resolve_trace(str(written(tmp_path, text, "own.up")), 0)
        assert trace is not None
        assert set(trace.bits_per_s) == {12e6}


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    made = lte_like(3, 60)
    save_trace(made, tmp_path / "lte.csv")
    form, read = read_trace(tmp_path / "lte.csv")
    assert (form, read.times_s, read.name) == ("csv", made.times_s, "lte")
    assert read.bits_per_s == pytest.approx(made.bits_per_s, abs=50)


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lte\.csv: cannot be written"):
        save_trace(lte_like(0, 5), tmp_path / "absent" / "lte.csv")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "has no lines; give a CSV file"),
        ("# only words\n\n", "has no lines"),
        ("0,20\n1,20\n", "line 1: expected the header time_s,mbps, found '0,20'"),
        ("# a bus\n\nseconds,rate\n1,20\n", "line 3: expected the header"),
        ("time_s,mbps\n", "no rows"),
        ("time_s,mbps\n0,20\n1,fast\n", "line 3: expected two numbers"),
        ("time_s,mbps\n0\n", "line 2: expected 2 values as in the header, found 1 in '0'"),
        ("time_s,mbps\n0,nan\n", "line 2: .* not finite"),
        ("time_s,mbps\n0,1\ninf,1\n", "line 3: .* not finite"),
        ("time_s,mbps\n0,1\n1,-2\n", "line 3: -2 Mbit/s is negative; use 0"),
        ("time_s,mbps\n0,1\n# x\n2,1\n2,1\n", "line 5: time 2 does not come after 2"),
        ("time_s,mbps\n0,0\n1,0\n", "no rate reaches"),
        ("time_s,mbps\n0,1e-300\n1,0\n", "no rate reaches"),
        ("time_s,mbps\n0,12,5\n1,7,25\n", "line 2: expected 2 values .*, found 3 in '0,12,5'; .* written with a point"),
        ("time_s,mbps\n0,5,12\n", "line 2: expected 2 values"),
        ("time_s,mbps,place\n0,12,5,here\n", "line 2: expected 3 values .*, found 4"),
        ("time_s;mbps\n0;12,5\n", "line 1: expected the header .* columns are separated by commas"),
        ("12,5\n7,25\n", "line 1: expected the header .* written with a point"),
        ("12\n7,25\n", "line 2: expected one rate in Mbit/s, found '7,25'; .* written with a point"),
        ("time_s,mbps\n0,10\n1000000000,20\n2000000000,5\n", "line 3: 1e.09 s after .* more than a day.* in seconds"),
        ("time_s,mbps\n0,10\n1e300,5\n", "line 3: 1e.300 s after the beginning"),
        ("time_s,mbps\n-1e308,10\n1e308,5\n", "line 3: inf s after the beginning"),
        ("time_s,mbps\n0,10\n1e-300,5\n", "lasts 2e-300 s; give times in seconds"),
        ("time_s,mbps\n0,12000000\n", "line 2: 1.2e.07 Mbit/s .* not in bit/s"),
        ("time_s,mbps\n0,1e300\n", "line 2: 1e.300 Mbit/s .* not in bit/s"),
        ("12000000.5\n", "line 1: 1.2e.07 Mbit/s .* not in bit/s"),
        ("# interval_s = 1e300\n20\n", "line 1: an interval of 1e.300 s"),
        ("# interval_s = 80000\n20\n20\n20\n", "line 4: 160000 s after the beginning"),
        ("9" * 5000 + "\n", "line 1: expected a packet's time in whole milliseconds"),
        ("1\n" * 9 + "9" * 400 + "\n", "line 10: '9{40}' is not finite"),
        ("20\n# x\nfast\n", "line 3: expected one rate in Mbit/s, found 'fast'"),
        ("20\n0,5\n", "line 2: expected one rate in Mbit/s, found '0,5'"),
        ("20\n-1\n", "line 2: -1 Mbit/s is negative"),
        ("20\ninf\n", "line 2: 'inf' is not finite"),
        ("0\n0\n", "no rate reaches"),
        ("# interval_s = soon\n20\n", "line 1: expected an interval in seconds, found 'soon'"),
        ("# interval_s = 0\n20\n", "line 1: an interval of 0 s"),
        ("1\n" * 20 + "1000\n999\n", "line 22: packet time 999 ms comes after 1000 ms"),
        ("1\n" * 20 + "many\n1000\n", "line 21: expected a packet's time in whole milliseconds, found 'many'"),
        ("1\n" * 20 + "1000000000000\n", "line 21: 1e.09 s after the beginning"),
    ],
)
def test_a_broken_file_is_refused_with_file_line_and_advice(tmp_path: Path, text: str, wrong: str) -> None:
    with pytest.raises(InputError, match=rf"broken\.csv.*{wrong}"):
        load_trace(written(tmp_path, text, "broken.csv"))


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.csv: cannot be read"):
        load_trace(tmp_path / "absent.csv")
    (tmp_path / "image.csv").write_bytes(b"\xff\xd8\xff\xe0\x00")
    with pytest.raises(InputError, match=r"image\.csv: cannot be read"):
        load_trace(tmp_path / "image.csv")


def test_text_as_some_systems_write_it_is_read(tmp_path: Path) -> None:
    """What PowerShell sends into a file is UTF-16, and says so."""
    (tmp_path / "cafe.csv").write_bytes("time_s,mbps\r\n0,2\r\n1,3\r\n".encode("utf-16"))
    assert load_trace(tmp_path / "cafe.csv") == BandwidthTrace((0.0, 1.0), (2e6, 3e6), "cafe")


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.csv", tmp_path):
        with pytest.raises(InputError, match="is no file; save what comes out of it to one"):
            load_trace(path)


def test_a_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "big.up").open("wb") as file:
        file.truncate(10**10)
    with pytest.raises(InputError, match=r"big\.up: is larger than 100 MB"):
        load_trace(tmp_path / "big.up")
