"""The page of notifications."""

from flask import render_template, request, url_for

from exchange.marks import N_
from exchange.members import notifications
from exchange.web import access
from exchange.web.desk import NavItem
from exchange.web.views import Answer, blueprint, done

pages = blueprint("notifications", __name__, "/desk/notifications")
blps = [pages]
NAV = (NavItem("desk", N_("Notifications"), "notifications.show_notifications", place=5),)


@pages.get("")
@access.member()
def show_notifications() -> Answer:
    """What happened to the member's affairs, newest first."""
    found = notifications.notifications(access.caller(), cursor=request.args.get("cursor"))
    return render_template("members/notifications.html", page=found)


@pages.post("/read")
@access.member()
def mark_read() -> Answer:
    """Put all of them behind."""
    notifications.mark_read(access.caller())
    return done("", url_for(".show_notifications"))
