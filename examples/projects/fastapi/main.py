"""A list of rooms and who has them."""

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

app = FastAPI(title="Room booking")
ROOMS = {"A101": 12, "A102": 30, "B007": 80}


class Room(BaseModel):
    """A room and how many people fit in."""

    name: str
    seats: int


@app.get("/")
def rooms() -> list[Room]:
    """Every room."""
    return [Room(name=name, seats=seats) for name, seats in ROOMS.items()]


@app.get("/rooms/{name}")
def room(name: str) -> Room:
    """One room."""
    if name not in ROOMS:
        raise HTTPException(404, f"There is no room {name}.")
    return Room(name=name, seats=ROOMS[name])
