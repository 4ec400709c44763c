"""The signature of a webhook: what MLflow signed passes once and for a while; nothing else does."""

from http import HTTPStatus

import pytest

from provenance.mlflow_server.signature import WINDOW_S, Doorkeeper
from webhook_fixtures import BODY, MOMENT, SECRET, signed


def doorkeeper(now: float = MOMENT) -> Doorkeeper:
    return Doorkeeper(secret=SECRET, clock=lambda: now)


def test_the_signature_is_the_one_that_mlflow_makes() -> None:
    made_by_mlflow = "v1,vjW/s6DJ3YCEf4NUg14n+EXweoxN/qko1n/B9x6Ipo0="
    assert signed()["x-mlflow-signature"] == made_by_mlflow
    assert doorkeeper().judge(signed(), BODY) is HTTPStatus.NO_CONTENT


@pytest.mark.parametrize("name", ["x-mlflow-delivery-id", "x-mlflow-timestamp", "x-mlflow-signature"])
@pytest.mark.parametrize("value", [None, "", "v1,", "x", "1767225601", "é"])
def test_without_or_with_another_header_it_is_refused(name: str, value: str | None) -> None:
    headers = {key: found for key, found in (signed() | {name: value}).items() if found is not None}
    assert doorkeeper().judge(headers, BODY) is HTTPStatus.UNAUTHORIZED


def test_what_others_signed_is_refused() -> None:
    assert doorkeeper().judge(signed(secret=b"another"), BODY) is HTTPStatus.UNAUTHORIZED


def test_a_signature_of_another_version_is_refused() -> None:
    headers = signed()
    headers["x-mlflow-signature"] = headers["x-mlflow-signature"].replace("v1,", "v0,")
    assert doorkeeper().judge(headers, BODY) is HTTPStatus.UNAUTHORIZED


def test_a_changed_body_is_refused() -> None:
    assert doorkeeper().judge(signed(), BODY + b" ") is HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("moment", ["", "-1", "1e9", "١٧٦٧٢٢٥٦٠٠", "1767225600.0", " 1767225600", "9" * 13])
def test_a_moment_that_is_no_whole_number_of_seconds_is_refused_though_it_is_signed(moment: str) -> None:
    assert doorkeeper().judge(signed(moment=moment), BODY) is HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    ("late", "status"),
    [
        (WINDOW_S, HTTPStatus.NO_CONTENT),
        (WINDOW_S + 1, HTTPStatus.UNAUTHORIZED),
        (-WINDOW_S, HTTPStatus.NO_CONTENT),
        (-WINDOW_S - 1, HTTPStatus.UNAUTHORIZED),
    ],
)
def test_it_is_good_for_a_while_only(late: float, status: HTTPStatus) -> None:
    assert doorkeeper(MOMENT + late).judge(signed(), BODY) is status


def test_it_is_good_once_for_as_long_as_it_is_good() -> None:
    now = float(MOMENT - WINDOW_S)
    keeper = Doorkeeper(secret=SECRET, clock=lambda: now)
    assert keeper.judge(signed(), BODY) is HTTPStatus.NO_CONTENT
    for now in (MOMENT - WINDOW_S, MOMENT, MOMENT + WINDOW_S):
        assert keeper.judge(signed(delivery="other", moment=str(int(now))), BODY) is HTTPStatus.NO_CONTENT
        assert keeper.judge(signed(), BODY) is HTTPStatus.CONFLICT
    now = MOMENT + WINDOW_S + 1
    assert keeper.judge(signed(), BODY) is HTTPStatus.UNAUTHORIZED


def test_what_is_refused_is_not_remembered_and_what_is_old_is_forgotten() -> None:
    now = float(MOMENT)
    keeper = Doorkeeper(secret=SECRET, clock=lambda: now)
    for number in range(100):
        keeper.judge(signed(secret=b"another", delivery=str(number)), BODY)
    assert not keeper._seen
    for number in range(100):
        keeper.judge(signed(delivery=str(number)), BODY)
    assert len(keeper._seen) == 100
    now += 2 * WINDOW_S + 1
    keeper.judge(signed(moment=str(int(now))), BODY)
    assert len(keeper._seen) == 1


def test_without_a_secret_everything_passes() -> None:
    assert Doorkeeper(secret=None).judge({}, b"") is HTTPStatus.NO_CONTENT
