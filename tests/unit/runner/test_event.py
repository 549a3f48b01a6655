from fleetpolicy.runner.event import EventLog, RunEvent, event_of


def ended(kind: str, **result: object) -> dict[str, object]:
    body = {"host": "a", "task": "Apply", "duration": 0.5, "res": result}
    return {"event": kind, "event_data": body}


def test_event_of_a_task_that_changed_something_says_changed() -> None:
    event = event_of(ended("runner_on_ok", changed=True))

    assert event == RunEvent("a", "Apply", "changed", 0.5, {"changed": True})


def test_event_of_an_unreachable_host_has_its_message_on_one_line() -> None:
    event = event_of(ended("runner_on_unreachable", msg="no route\nto host"))

    assert event
    assert (event.status, event.message) == ("unreachable", "no route to host")


def test_event_that_ends_no_task_is_left_out() -> None:
    assert event_of({"event": "playbook_on_start", "event_data": {}}) is None


def test_event_log_keeps_passes_on_and_never_stores() -> None:
    heard: list[RunEvent] = []
    log = EventLog(heard.append)

    stored = [log.take(ended("runner_on_ok")), log.take({"event": "verbose"})]

    assert stored == [False, False]
    assert heard == log.events
    assert [event.status for event in heard] == ["ok"]
