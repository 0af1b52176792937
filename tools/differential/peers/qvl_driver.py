"""Answers questions to dcap-qvl, one JSON object a line: quote, collateral, time, and a root other than Intel's for synthetic worlds."""
import base64
import json
import sys

import dcap_qvl

for line in sys.stdin:
    question = json.loads(line)
    try:
        collateral = dcap_qvl.QuoteCollateralV3.from_json(json.dumps(question["collateral"]))
        quote = base64.b64decode(question["quote"])
        if question["root"] is None:
            report = dcap_qvl.verify(quote, collateral, question["at"])
        else:
            report = dcap_qvl.verify_with_root_ca(quote, collateral, base64.b64decode(question["root"]), question["at"])
        answer = {"status": report.status, "error": None}
    except Exception as error:  # its refusals are ValueErrors; anything else is told apart by its name
        answer = {"status": None, "error": str(error), "kind": type(error).__name__}
    except BaseException as error:  # a panic of the Rust part
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        answer = {"status": None, "error": str(error), "kind": "panic"}
    print(json.dumps(answer), flush=True)
