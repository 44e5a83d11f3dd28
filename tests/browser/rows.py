#!/usr/bin/env python3
"""Writes the batch that the browser looks at: every status that a run comes to by itself, several
merchants, and texts that mean harm. Usage: rows.py FILE [ROWS]"""

import csv
import sys

ACCOUNTS = [
    "8609cb22e1774a50a930e414cc71eca06121bc",
    "1c0fe2b7aa5c4d1f8d3c5b7e90a4f6d2e8b91a",
    "5d2b8c1e7f904a63b1a8e3d5c7f60912ab34cd",
]
SCRIPTS = ["not-enough", "failed", "param-error", "drop-after,success", "500,success", "429,success"]
HOSTILE = [
    "<script>document.title='hit'</script>",
    "\"><img src=x onerror=\"document.title='hit'\">",
    "' onmouseover='document.title=1",
    "</style></script><svg onload=document.title='hit'>",
    "a\u202etxt.exe\u2066\u200f",
    "W" * 500,
    "<base href=//evil.example><a href=javascript:document.title=1>x</a>",
    "{{ 7 * 7 }}${7 * 7}",
]


def rows(count):
    for n in range(count):
        merchant, account = 1900016681 + n % 17 % 5, ACCOUNTS[n % 3]
        kind = "FINANCIAL_PENALTY" if n % 5 == 0 else "JUDICIAL_DEDUCTION"
        reason, number, amount = f"(2025)京0105执{n:04}号", f"N{n:06}", str(1000 + n * 37 % 90_000)
        if n % 20 == 7:
            reason = "#sandbox post=" + SCRIPTS[n // 20 % len(SCRIPTS)]
        elif n % 40 == 11:
            reason = HOSTILE[n // 40 % len(HOSTILE)]
        elif n % 90 == 13:
            amount = "1.5"
        elif n % 90 == 14:
            number = f"N{n - 100:06}" if n > 100 else number
        elif n % 90 == 15:
            reason, amount, merchant, account, kind = "same", "7700", 1900016681, ACCOUNTS[0], "FINANCIAL_PENALTY"
        yield [merchant, account, number, kind, amount, reason]
    yield [1900016681, ACCOUNTS[0], "<i>N</i>", "JUDICIAL_DEDUCTION", "5", "<b>\u202e" * 9_000]


with open(sys.argv[1], "w", newline="", encoding="utf-8") as file:
    out = csv.writer(file)
    out.writerow(["mchid", "bal_account_no", "out_request_no", "reduction_type", "amount", "reason"])
    out.writerows(rows(int(sys.argv[2]) if len(sys.argv) > 2 else 400))
