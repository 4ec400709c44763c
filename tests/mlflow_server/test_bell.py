"""The bell: many rings, few looks, none lost."""

import threading
from collections.abc import Iterator

from provenance.mlflow_server.bell import Bell, Rhythm

AT_ONCE = Rhythm(settle=0, every=None, rest=0)


def numbered() -> Iterator[int]:
    number = 0
    while True:
        number += 1
        yield number


def test_rings_before_a_look_are_one() -> None:
    bell, numbers = Bell(), numbered()
    for _ in range(1000):
        bell.ring()
    looks = bell.looks(lambda: next(numbers), AT_ONCE)
    assert next(looks) == 1
    bell.end()
    assert list(looks) == []


def test_a_ring_during_a_look_brings_about_another() -> None:
    bell, numbers = Bell(), numbered()

    def look() -> int:
        number = next(numbers)
        if number < 3:
            bell.ring()
        else:
            bell.end()
        return number

    bell.ring()
    assert list(bell.looks(look, AT_ONCE)) == [1, 2, 3]


def test_without_a_ring_a_look_is_taken_all_the_same() -> None:
    bell = Bell()
    looks = bell.looks(lambda: "looked", Rhythm(settle=0, every=0.01, rest=0))
    assert [next(looks) for _ in range(3)] == ["looked"] * 3


def test_a_look_waits_for_silence() -> None:
    bell, order = Bell(), list[str]()

    def ring() -> None:
        order.append("ring")
        bell.ring()

    bell.ring()
    timers = [threading.Timer(0.1 * number, ring) for number in range(1, 6)]
    for timer in timers:
        timer.start()
    looks = bell.looks(lambda: order.append("look"), Rhythm(settle=2, every=None, rest=0))
    next(looks)
    assert order == ["ring"] * 5 + ["look"]
    bell.end()
    assert list(looks) == []


def test_a_look_is_taken_though_there_is_never_silence() -> None:
    bell, stop = Bell(), threading.Event()

    def ring() -> None:
        while not stop.wait(0.01):
            bell.ring()

    ringing = threading.Thread(target=ring)
    ringing.start()
    looks = bell.looks(lambda: "looked", Rhythm(settle=1e6, patience=0.2, every=None, rest=0))
    assert [next(looks), next(looks)] == ["looked", "looked"]
    stop.set()
    ringing.join()


def test_the_end_is_not_waited_for() -> None:
    bell = Bell()
    bell.ring()
    looks = bell.looks(lambda: "looked", Rhythm(settle=0, every=None, rest=1e9))
    assert next(looks) == "looked"
    threading.Timer(0.05, bell.end).start()
    assert list(looks) == []
    settling = Bell()
    settling.ring()
    threading.Timer(0.05, settling.end).start()
    assert list(settling.looks(lambda: "looked", Rhythm(settle=1e6, patience=1e6))) == []
