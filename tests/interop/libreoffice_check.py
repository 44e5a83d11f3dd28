"""A workbook that levy wrote, in other people's hands: LibreOffice opens and saves it.

    libreoffice_check.py LEVY DIRECTORY

Every cell that LibreOffice shows must be the one of the CSV result, to the letter, and what it saves must come
back to levy as the same rows. Both in English and in Chinese, for the result and for the failed file.
"""

import csv
import json
import pathlib
import subprocess
import sys

# Comma, quotes where needed, UTF-8, from the first line, cells as they are shown, the first sheet.
AS_CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false"
SECONDS_MAX = 240

ACCOUNTS = ["6222021234567890123", "0001900016681", "8609cb22e1774a50a930e414cc71eca06121bc", "12E5", "=1+1",
            "+8613800138000", "-1", "@account", "'quoted", "1e400", "2025-08-08", "TRUE", "00", "1/2"]
CARRIED = ["0012", "1.50", "=HYPERLINK(\"http://x\")", "'", "''=1", "two\nlines", "a, \"b\"; c", " 空格 ", "1.9E+09",
           "5%", "10:30", "￥5", "-", "+"]


def cells(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def unescaped(cell):
    return cell[1:] if cell[:1] == "'" and cell[1:2] in tuple("=+-@\t\r'") else cell


class Desk:
    def __init__(self, levy, directory):
        self.levy = pathlib.Path(levy).resolve()
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)

    def run(self, *args, exits):
        command = [self.levy, *args, "--sandbox"]
        done = subprocess.run(command, cwd=self.dir, capture_output=True, text=True, timeout=SECONDS_MAX)
        assert done.returncode in exits, f"{args}: exit {done.returncode}\n{done.stderr}"
        return done.stdout

    def office(self, name, form, to):
        out = self.dir / to
        profile = (self.dir / "profile").resolve().as_uri()
        command = ["soffice", "--headless", "--norestore", f"-env:UserInstallation={profile}",
                   "--convert-to", form, "--outdir", out, self.dir / name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX)
        made = out / pathlib.Path(name).with_suffix("." + form.split(":")[0]).name
        assert done.returncode == 0 and made.is_file(), f"soffice: {done.stdout}{done.stderr}"
        return made


def night(path):
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["out_request_no", "mchid", "bal_account_no", "reduction_type", "amount", "reason", "=note"])
        for i, account in enumerate(ACCOUNTS):
            number = f"{i:032d}" if i % 2 else f"N{i}"
            reason = f"={account}" if i % 3 else "#sandbox post=failed"
            amount = "x" if i == 4 else str(100 + i)
            out.writerow([number, "1900016681", account, "JUDICIAL_DEDUCTION", amount, reason, CARRIED[i]])


def main(levy, directory):
    assert len(ACCOUNTS) == len(CARRIED)
    desk = Desk(levy, directory)
    night(desk.dir / "night.csv")
    desk.run("run", "night.csv", "--wait", "10", exits=[3])
    given = cells(desk.dir / "night.csv")
    for lang in ["en", "zh"]:
        for form in ["csv", "xlsx"]:
            desk.run("export", "night.csv", "--lang", lang, "--out", f"{lang}.result.{form}", exits=[0])
        for part in ["result", "failed"]:
            name = f"{lang}.{part}"
            want = cells(desk.dir / f"{name}.csv")
            shown = cells(desk.office(f"{name}.xlsx", AS_CSV, "shown"))
            assert len(want) == len(shown), f"{name}: {len(want)} rows, {len(shown)} shown"
            for row, (ours, theirs) in enumerate(zip(want, shown), 1):
                assert ours == theirs, f"{name}, row {row}:\n{ours}\n{theirs}"
            width = len(given[0])
            plain = [[unescaped(cell) for cell in row[:width]] for row in shown]
            if part == "result":
                assert plain == given, "the input's cells are not those that LibreOffice shows"
            # Saved by LibreOffice, it is the same rows.
            saved = desk.office(f"{name}.xlsx", "xlsx", "saved")
            saved = saved.rename(desk.dir / f"{lang}_{part}_saved.xlsx")
            back = f"{lang}_{part}_back.csv"
            told = json.loads(desk.run("run", saved.name, "--json", "--quiet", "--out", back, exits=[3]))
            invalid = told["by_status"].get("INVALID", 0)
            assert told["repeats"] + invalid == told["rows"] == len(want) - 1, told
            assert invalid == 1, told
            again = cells(desk.dir / back)
            assert [row[:width] for row in again] == [row[:width] for row in want], f"{name}: came back otherwise"
            print(f"{name}.xlsx: {len(want) - 1} rows, {sum(map(len, want))} cells as they are in the CSV")


if __name__ == "__main__":
    main(*sys.argv[1:])
