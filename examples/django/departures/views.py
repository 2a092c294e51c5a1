"""The board, and the question behind it: what leaves next."""

import datetime as dt

import redis
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from departures.models import Departure

#: Connects when it is first used.
counter = redis.Redis.from_url(settings.REDIS_URL)


def board(request: HttpRequest) -> HttpResponse:
    """Show all departures; the script of the page marks the next one."""
    return render(request, "departures/board.html", {"departures": Departure.objects.all()})


def following(request: HttpRequest) -> JsonResponse:
    """Answer with the first departure after a time, `?after=09:00`, and how often that has been asked."""
    try:
        after = dt.time.fromisoformat(request.GET.get("after", "00:00"))
    except ValueError:
        return JsonResponse({"error": "after is a time such as 09:00"}, status=400)
    found = Departure.objects.filter(leaves__gte=after).first() or Departure.objects.first()
    if found is None:
        return JsonResponse({"error": "nothing leaves"}, status=404)
    return JsonResponse(
        {
            "ferry": found.ferry,
            "route": found.route,
            "leaves": f"{found.leaves:%H:%M}",
            "asked": counter.incr("asked"),
            "postgresql": ".".join(map(str, divmod(connection.pg_version, 10_000))),
            "redis": counter.info("server")["redis_version"],
        }
    )
