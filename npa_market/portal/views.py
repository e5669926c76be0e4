"""Pages that belong to no room: home by role, running work, the institution one acts for."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.templatetags.static import static
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from npa_market.common.clock import database_now
from npa_market.common.models import Job
from npa_market.parties.access import MEMBERS, PUBLIC, access
from npa_market.parties.middleware import SESSION_KEY
from npa_market.parties.models import Organisation
from npa_market.parties.requests import MemberRequest
from npa_market.portal.needs import needs_of
from npa_market.portal.queries import figures_of, jobs_under_way, latest_lots, rooms_of

STOP_POLLING = 286  # htmx: swap the answer in and ask no more


@access(MEMBERS)
@require_safe
def home(request: MemberRequest) -> HttpResponse:
    """What needs this person now, then how their rooms stand."""
    person = request.user
    context = {
        "needs": needs_of(person, database_now()),
        "figures": figures_of(person),
        "jobs": jobs_under_way(person),
        "lots": latest_lots(person),
        "rooms": rooms_of(person),
    }
    return render(request, "portal/home.html", context)


@access(MEMBERS)
@require_safe
def job(request: MemberRequest, job_id: UUID) -> HttpResponse:
    """A running job as a page, or as the fragment that polls itself.

    Once the job is over, the page that showed its progress is loaded anew, so that it shows the
    result; the job's own page only stops asking.
    """
    work = get_object_or_404(Job.objects.visible_to(request.user), pk=job_id)
    if not request.htmx:
        return render(request, "common/job.html", {"job": work})
    if not work.is_over:
        return render(request, "common/_job.html", {"job": work})
    answer = render(request, "common/_job.html", {"job": work}, status=STOP_POLLING)
    if request.htmx.current_url_abs_path != request.path:
        answer["HX-Refresh"] = "true"
    return answer


@access(MEMBERS)
@require_POST
def acting_for(request: MemberRequest) -> HttpResponse:
    """Switch the institution that the person acts for; another's is 404."""
    try:
        key = UUID(request.POST.get("organisation", ""))
    except ValueError:
        return HttpResponse("Name an institution by its key.", status=422)
    own = Organisation.objects.filter(pk__in=request.user.organisation_ids())
    chosen = get_object_or_404(own, pk=key)
    request.session[SESSION_KEY] = str(chosen.pk)
    messages.success(request, f"You now act for {chosen}.")
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()})
    return redirect(target if safe else "portal:home")


@access(PUBLIC)
@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    return HttpResponsePermanentRedirect(static("npa/favicon.svg"))
