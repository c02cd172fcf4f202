"""What Dash's renderer posts for one callback, so that a test can ask the application itself."""

import json
from collections.abc import Mapping
from typing import Any

from dash import Dash
from flask.testing import FlaskClient

from tests.fixtures.app import csrf_headers

CALLBACKS = "/_dash-update-component"


def post_callback(app: Dash, client: FlaskClient, first_output: str, values: Mapping[str, Any], changed: str) -> str:
    """The answer to the callback whose first output is this, as the page would show it.

    Inputs and states are named `id.property`; what `values` leaves out is None.
    """
    app._setup_server()
    [(output, callback)] = [
        (output, callback)
        for output, callback in app.callback_map.items()
        if output.strip(".").split("...")[0] == first_output and "callback" in callback
    ]

    def filled(declared: Mapping[str, str]) -> dict[str, Any]:
        value = values.get(f"{declared['id']}.{declared['property']}")
        return {"id": declared["id"], "property": declared["property"], "value": value}

    registered = callback["output"]
    outputs = [one.to_dict() for one in registered] if isinstance(registered, list | tuple) else registered.to_dict()
    body = {
        "output": output,
        "outputs": outputs,
        "inputs": [filled(one) for one in callback["inputs"]],
        "state": [filled(one) for one in callback["state"]],
        "changedPropIds": [changed],
    }
    answer = client.post(
        CALLBACKS, data=json.dumps(body), content_type="application/json", headers=csrf_headers(client)
    )
    assert answer.status_code in (200, 204), answer.text[:500]
    return json.dumps(answer.json, ensure_ascii=False) if answer.status_code == 200 else ""
