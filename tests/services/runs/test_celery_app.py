"""Celery as we set it up: what may never be otherwise, whatever a new version's defaults are."""

import ssl

import pytest

from services.runs.celery_app import make_celery


def test_a_message_is_data_and_nobody_can_tell_a_worker_to_end_a_run() -> None:
    conf = make_celery("redis://127.0.0.1:1/0").conf
    assert conf.accept_content == ["json"] and conf.task_serializer == "json"
    assert conf.task_acks_late and conf.worker_prefetch_multiplier == 1 and conf.worker_disable_prefetch
    assert not conf.worker_enable_remote_control
    assert not conf.worker_cancel_long_running_tasks_on_connection_loss
    assert conf.task_ignore_result


@pytest.mark.parametrize(
    ("url", "believes"),
    [
        ("rediss://redis.example/0", ssl.CERT_REQUIRED),
        ("rediss://redis.example/0?ssl_cert_reqs=none", ssl.CERT_NONE),
    ],
)
def test_a_certificate_is_checked_unless_the_address_says_otherwise(url: str, believes: ssl.VerifyMode) -> None:
    celery = make_celery(url)
    for connection in (celery.connection_for_read(), celery.connection_for_write()):
        assert connection.ssl == {"ssl_cert_reqs": believes}


def test_without_tls_nothing_of_it_is_asked_for() -> None:
    assert not make_celery("redis://127.0.0.1:1/0").connection_for_write().ssl
