"""Ask the running project what a user would, and PostgreSQL and Redis whether the answer is theirs."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

AFTER = "09:00"
ROW = """
    select ferry, route, to_char(leaves, 'HH24:MI') from departures_departure
    where leaves >= :'after' order by leaves limit 1
"""


def said(*command: str, given: str = "") -> str:
    """Return what a client of the services prints."""
    return subprocess.run(command, input=given, check=True, capture_output=True, text=True).stdout.strip()


def get(address: str) -> str:
    """Return the page at an address of this machine, past any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=30) as answer:
        return answer.read().decode()


def same(what: str, answer: object, expected: object) -> None:
    """End with both where they differ."""
    if answer != expected:
        sys.exit(f"check: {what} is {answer!r}, not {expected!r}")


def ask(server: str) -> None:
    """Ask for the next departure, and for what the browser would load."""
    row = said("psql", "-v", f"after={AFTER}", "-AtF|", given=ROW)
    redis = ("redis-cli", "-s", f"{os.environ['PGHOST']}/redis.sock")
    before = int(said(*redis, "get", "asked") or 0)
    answer = json.loads(get(f"{server}api/next?after={AFTER}"))
    print(f"check: GET /api/next?after={AFTER} → {json.dumps(answer, ensure_ascii=False)}")
    same("the departure", "|".join([answer["ferry"], answer["route"], answer["leaves"]]), row)
    same("the count", answer["asked"], before + 1)
    same("Redis's count", said(*redis, "get", "asked"), str(before + 1))
    same("the version of PostgreSQL", answer["postgresql"], said("psql", "-Atc", "show server_version").split()[0])
    board = get(server)
    if 'src="/static/board.js"' not in board:
        sys.exit(f"check: the board loads no script:\n{board}")
    same("the script", get(f"{server}static/board.js"), Path("frontend/dist/board.js").read_text(encoding="utf-8"))
    print("check: PostgreSQL has that row, Redis that count, and the board the script that node made")


def main() -> None:
    """Serve on a free port, ask, and end the server."""
    command = [sys.executable, "-u", "manage.py", "runserver", "--noreload", "--skip-checks", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        heard = []
        try:
            for line in server.stdout or ():
                heard.append(line)
                if "http://127.0.0.1:" in line:
                    return ask(line.split()[-1])
        finally:
            server.terminate()
    return sys.exit(f"check: the server ended:\n{''.join(heard)}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
