"""`python -m simulator`: the simulated platforms as a process of their own.

    python -m simulator [--host 127.0.0.1] [--port 8100] [--data-dir .relance] [--seed 0]

`RELANCE_SIMULATOR_PORT` and `RELANCE_DATA_DIR` are the defaults of `--port` and `--data-dir`. Everything it knows lies
in `<data-dir>/simulator/journal.jsonl`, one line per fact; a killed simulator continues from it: messages, webhooks,
what people are still to write, receipts still to come, webhooks nobody acknowledged, and what the tester had set.

The platform is at `/v1` (any key is accepted until it is revoked). The tester's side, all JSON; a field left out takes
its default, an unknown field is refused (422), and `GET /control/openapi.json` has every field:

    GET  /healthz
    GET|PUT|PATCH /control/behaviour     PUT replaces, PATCH changes only what it names
         {"people": {"reply_share": 0.3, "stop_share": 0.02, "stop_text": "STOP", "max_replies": 1,
                     "delay": {"min_seconds": 2, "max_seconds": 15},
                     "texts": [{"text": "Yes", "weight": 3}, {"text": "How much?", "weight": 1}],
                     "burst": {"share": 0.1, "min_texts": 2, "max_texts": 4,
                               "gap": {"min_seconds": 0.2, "max_seconds": 1}},
                     "rules": [{"phone": "+33600000001", "text_contains": "offer", "text_pattern": "^Hi", "share": 1,
                                "texts": [{"text": "Call me"}], "delay": {"min_seconds": 0, "max_seconds": 0}}]},
          "receipts": {"announce": true, "out_new": true, "out_sent": true, "ack_server": false, "ack_device": false,
                       "delivered_share": 1, "read_share": 0.8, "failed_share": 0, "failure_reason": "…",
                       "delay": {"min_seconds": 0.05, "max_seconds": 0.3},
                       "read_delay": {"min_seconds": 0.5, "max_seconds": 5}},
          "webhooks": {"variant": "captured|skills|queue", "ack_carries_reference": true, "sign": false,
                       "failure_shape": "reason|error_text|error_object", "timeout_seconds": 10,
                       "backoff_seconds": 0.5, "backoff_cap_seconds": 60, "give_up_after_seconds": 86400}}
    GET|PUT /control/faults              PUT replaces all and lets every rule count from nought; {} heals
         {"rules": [{"on": "send|lookup|other|any", "kind": "accept_then_drop",
                     "match": {"phone": "+33…", "device": "…", "token": "…", "reference": "…", "text_contains": "…",
                               "share": 0.1, "next_n": 5, "first_attempts": 1}}],
          "lookup": {"visible_after_seconds": 2, "loose_reference": false},
          "webhooks": {"events": ["message:in:new"], "double_share": 1, "copies": 5, "drop_share": 0.1,
                       "delay_seconds": 0, "reorder_window_seconds": 2}}
         kinds that leave nothing behind:  reject {status=400, error_code, message} · error {status=500}, an HTML page ·
            throttle {retry_after, status=429} · delay {seconds}: then goes on, also when the caller has gone ·
            drop_before {reset} · not_accept_timeout {seconds, reset}
         kinds that accept and spoil the answer:  accept_then_drop {reset} · accept_then_reset_body · accept_then_502 ·
            accept_then_delay {seconds} · timeout {seconds, reset}
         "reset": true cuts with RST instead of FIN. The first rule that fits decides; delays before it add up.
    GET|PUT /control/devices             [{"id": "<24 hex>", "phone": "+34…", "alias": "…", "status": "operative"}]
    POST /control/down                   {"seconds": 120, "mode": "503|html|close"}   no seconds: until /control/up {}
    POST /control/revoke, /restore       {"token": "…"}
    POST /control/inbound                {"device": "…", "phone": "+33…", "text": "hello", "id": "3EB0…", "times": 5,
                                          "variant": "skills", "media": {"type": "image", "mime": "image/png",
                                          "filename": "a.png", "caption": "…", "content_base64": "…"}}
    POST /control/webhook/raw            {"body": {…} or "text", "headers": {}, "webhook_id": "…"}
    GET  /control/messages               ?since=&device=&phone=&reference=&after=&limit=  every POST that arrived
    GET  /control/lookups                ?since=&reference=
    GET  /control/summary                ?since=&device=  counts, doubles, pace
    GET  /control/people                 ?phone=&device=&offset=&limit=  what each person got and wrote
    POST /control/reset                  {"keep_webhooks": false}
"""

import argparse
import os
import sys
from pathlib import Path

import uvicorn

from simulator.app import SimulatorConfig
from simulator.journal import JournalLockedError
from simulator.server import check_data_dir, server_config


def main() -> None:
    arguments = _arguments()
    config = SimulatorConfig(data_dir=arguments.data_dir, seed=arguments.seed)
    try:
        check_data_dir(config)
    except JournalLockedError as error:
        sys.exit(str(error))
    uvicorn.Server(server_config(config, arguments.host, arguments.port)).run()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulator", description="The simulated platforms as a server.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=int(os.environ.get("RELANCE_SIMULATOR_PORT", "8100")))
    parser.add_argument("--data-dir", type=Path, default=Path(os.environ.get("RELANCE_DATA_DIR", ".relance")))
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
