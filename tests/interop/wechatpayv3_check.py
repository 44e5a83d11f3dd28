"""Drives a running levy sandbox with PyPI's wechatpayv3: URL of the sandbox, its directory."""

import json
import os
import sys
import uuid
from pathlib import Path
from urllib.parse import quote

# The sandbox is on this machine: no proxy is asked.
os.environ["NO_PROXY"] = "127.0.0.1,localhost,::1"

from wechatpayv3 import WeChatPay, WeChatPayType  # noqa: E402
from wechatpayv3.core import Core  # noqa: E402
from wechatpayv3.type import RequestType  # noqa: E402

SUBMIT = "/v3/aggracct-bc/wb-channel/special-reduction"
MERCHANT = "1900016681"
ACCOUNT = "8609cb22e1774a50a930e414cc71eca06121bc"


def client(base_url, directory):
    material = json.loads((directory / "material.json").read_text(encoding="utf-8"))
    pay = WeChatPay(
        wechatpay_type=WeChatPayType.NATIVE,
        mchid=material["mchid"],
        private_key=(directory / material["private_key"]).read_text(encoding="utf-8"),
        cert_serial_no=material["serial_no"],
        apiv3_key="0" * 32,
        appid="wx0000000000000000",
        public_key=(directory / material["public_key"]).read_text(encoding="utf-8"),
        public_key_id=material["public_key_id"],
        timeout=(5, 10),
    )
    core = pay._core
    # The library knows no other gateway by itself.
    core._gate_way = base_url.rstrip("/")
    return core


def certificate_client(base_url, directory):
    """Without a public key the library downloads the platform's certificates by itself."""
    material = json.loads((directory / "material.json").read_text(encoding="utf-8"))

    class Boxed(Core):
        # It asks from within its constructor, where it knows WeChat Pay's own address alone.
        _gate_way = property(lambda self: base_url.rstrip("/"), lambda self, _: None)

    core = Boxed(
        mchid=material["mchid"],
        cert_serial_no=material["serial_no"],
        private_key=(directory / material["private_key"]).read_text(encoding="utf-8"),
        apiv3_key=(directory / material["api_v3_key"]).read_text(encoding="utf-8").strip(),
        timeout=(5, 10),
    )
    return core, int(material["platform_serial_no"], 16)


def submit(core, number, reason):
    return core.request(SUBMIT, method=RequestType.POST, cipher_data=True, data={
        "mchid": MERCHANT,
        "bal_account_no": core.encrypt(ACCOUNT),
        "out_request_no": number,
        "reduction_type": "JUDICIAL_DEDUCTION",
        "amount": 1,
        "reason": reason,
    })


def expect(what, held):
    print(("ok   " if held else "FAIL ") + what)
    if not held:
        sys.exit(1)


def refused(call):
    """Whether the library itself refuses the reply (it raises; how differs by the forgery)."""
    try:
        call()
    except Exception as fault:  # noqa: BLE001: the library raises bare exceptions
        return "signature" in str(fault) or "algorithm" in str(fault)
    return False


def main():
    core = client(sys.argv[1], Path(sys.argv[2]))
    number = "PY" + uuid.uuid4().hex[:28]

    status, body = submit(core, number, "司法案件号:202508080009")
    told = json.loads(body)
    expect("a submission is answered with a verified SUCCESS",
           status == 200 and told["state"] == "SUCCESS" and told["out_request_no"] == number)
    expect("the account in the reply opens with the caller's key",
           core.decrypt(told["bal_account_no"]) == ACCOUNT)

    query = f"?mchid={MERCHANT}&bal_account_no={quote(core.encrypt(ACCOUNT), safe='')}"
    status, body = core.request(f"{SUBMIT}/{number}{query}")
    asked = json.loads(body)
    expect("the query tells the same",
           status == 200 and asked["quota_change_no"] == told["quota_change_no"])

    for place, step in enumerate(["bad-signature", "no-signature", "probe"]):
        forged = f"{number}{place}"
        expect(f"a reply with {step} is refused",
               refused(lambda: submit(core, forged, f"#sandbox post={step},success")))
        status, body = submit(core, forged, f"#sandbox post={step},success")
        expect(f"… and the true one after it is taken",
               status == 200 and json.loads(body)["state"] == "SUCCESS")

    core, serial = certificate_client(sys.argv[1], Path(sys.argv[2]))
    expect("the library downloads the platform's certificate and opens it under the APIv3 key",
           [it.serial_number for it in core._certificates] == [serial])
    status, body = submit(core, "PY" + uuid.uuid4().hex[:28], "司法案件号:202508080010")
    expect("a reply under that certificate verifies",
           status == 200 and json.loads(body)["state"] == "SUCCESS")
    status, _ = core.request("/v3/certificates")
    expect("and so does the one that hands it out", status == 200)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: wechatpayv3_check.py http://127.0.0.1:PORT SANDBOX_DIRECTORY")
    main()
