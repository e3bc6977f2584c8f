"""The pages."""

from django.http import HttpRequest, JsonResponse
from django.urls import path


def shelf(request: HttpRequest) -> JsonResponse:
    """What stands on the shelf."""
    return JsonResponse({"sample": "django", "books": ["Emma", "Persuasion"]})


urlpatterns = [path("", shelf)]
