"""Says which moon phase it is."""

from datetime import UTC, datetime

from flask import Flask

app = Flask(__name__)
NEW_MOON = datetime(2000, 1, 6, 18, 14, tzinfo=UTC)
MONTH_DAYS = 29.530588853
PHASES = ("new", "waxing crescent", "first quarter", "waxing gibbous",
          "full", "waning gibbous", "last quarter", "waning crescent")


@app.get("/")
def phase() -> dict[str, str]:
    """The moon's phase now."""
    age = (datetime.now(UTC) - NEW_MOON).total_seconds() / 86400 % MONTH_DAYS
    return {"sample": "flask", "moon": PHASES[round(age / MONTH_DAYS * 8) % 8]}
