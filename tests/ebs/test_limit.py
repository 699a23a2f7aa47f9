# SPDX-License-Identifier: GPL-2.0
"""Limits, counted in the card's own time: User-Mode Linux' clock stands still but
for what is waited for, so that a rate is exact or wrong."""

import threading
import time

from ktap import test
from storage import MIB, Device

RATES = (100, 3000, 16000)


def stamps(path, count, size, write=True, depth=8):
    """When each of count I/Os was done, in ns; depth of them at once."""
    found, lock = [], threading.Lock()

    def work():
        with Device(path, most=max(size, 4096)) as device:
            number = 0
            while True:
                with lock:
                    if len(found) >= count:
                        return
                number += 1
                at = number * size % (4 * MIB)
                if write:
                    device.write(at, bytes(size))
                else:
                    device.read(at, size)
                with lock:
                    found.append(time.monotonic_ns())

    begin = time.monotonic_ns()
    threads = [threading.Thread(target=work) for _ in range(depth)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return begin, sorted(found)


def exact(begin, found, rate, cost=1):
    """The mean is within 1 %, and no window of 100 ms has over 105 %."""
    # The first few are what the bucket had
    half = len(found) // 4
    seconds = (found[-1] - found[half]) / 1e9
    mean = (len(found) - 1 - half) * cost / seconds
    assert abs(mean / rate - 1) < 0.01, f"{mean:.1f}, not {rate}"
    most, first = 0, 0
    for last, stamp in enumerate(found):
        while stamp - found[first] >= 100_000_000:
            first += 1
        most = max(most, (last - first + 1) * cost)
    assert most <= max(rate * 0.1 * 1.05, rate * 0.1 + cost), \
        f"{most} in 100 ms at {rate}"
    assert found[0] >= begin


@test(clock=True, each=RATES)
def operations(lab, rate):
    lab.ours()
    volume = lab.volume(lab.null(8), iops=rate)
    exact(*stamps(volume.path, min(rate, 4000), 4096), rate)


@test(clock=True)
def reads(lab):
    lab.ours()
    volume = lab.volume(lab.null(8), iops=1000)
    exact(*stamps(volume.path, 1500, 4096, write=False), 1000)


@test(clock=True)
def large_operations(lab):
    """1 MiB is four operations."""
    lab.ours()
    volume = lab.volume(lab.null(8), iops=400)
    exact(*stamps(volume.path, 200, MIB, depth=2), 400, cost=4)


@test(clock=True)
def throughput(lab):
    lab.ours()
    volume = lab.volume(lab.null(8), throughput=125 * MIB)
    exact(*stamps(volume.path, 2000, 65536), 125 * MIB, cost=65536)


@test(clock=True)
def both(lab):
    """The tighter of the two limits."""
    lab.ours()
    volume = lab.volume(lab.null(8), iops=1000, throughput=MIB)
    exact(*stamps(volume.path, 600, 4096), MIB, cost=4096)
    volume.set(throughput=100 * MIB)
    exact(*stamps(volume.path, 1500, 4096), 1000)


@test(clock=True)
def burst(lab):
    """What was saved while idle passes at once, once."""
    lab.ours()
    volume = lab.volume(lab.null(8), iops=100, iops_burst=300)
    time.sleep(10)
    begin, found = stamps(volume.path, 600, 4096)
    at_once = sum(stamp - begin < 10_000_000 for stamp in found)
    assert 300 <= at_once <= 306, f"{at_once} at once"
    seconds = (found[-1] - begin) / 1e9
    assert abs(seconds - 3) < 0.1, f"300 more took {seconds:.2f} s"


@test(clock=True)
def changed(lab):
    """A new limit holds for what waits already."""
    lab.ours()
    volume = lab.volume(lab.null(8), iops=1)
    timer = threading.Timer(2, lambda: volume.set(iops=10000))
    timer.start()
    begin, found = stamps(volume.path, 100, 4096)
    timer.join()
    seconds = (found[-1] - begin) / 1e9
    assert 1 < seconds < 3, f"{seconds:.2f} s"


@test(clock=True)
def exceeded(lab):
    """Time in which I/O waited is counted."""
    lab.ours()
    volume = lab.volume(lab.null(8), iops=100)
    before = volume.stats()["iops-exceeded"]
    begin, found = stamps(volume.path, 200, 4096, depth=1)
    waited = (volume.stats()["iops-exceeded"] - before) / 1e6
    seconds = (found[-1] - begin) / 1e9
    assert 0.9 * seconds < waited <= seconds + 0.1, f"{waited} of {seconds} s"
    assert not volume.stats()["throughput-exceeded"]
