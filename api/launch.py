"""The look at a campaign before it starts: who lacks what, and how long it will take."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from api.problems import FieldError, NotFound, Unprocessable
from api.routes.launch_shapes import LackingContactOut, LaunchCheck, LaunchProblem, MissingVariables
from api.routes.variant_shapes import LackingByVariant
from db.imports import ImportResult
from db.reading.campaigns import LackingContact, Readiness, lacking_from, needs, readiness
from db.reading.channels import find_channel
from db.reading.progress import Progress, read_progress
from db.tables import Campaign
from domain.eta import end_after
from domain.statuses import CampaignStatus, ChannelStatus
from domain.templates import TemplateFacts, check_template

CONTACTS_SHOWN = 50


async def look_at_launch(session: AsyncSession, campaign_id: UUID) -> LaunchCheck:
    """What a start would meet; raises NotFound."""
    progress = await read_progress(session, campaign_id)
    if progress is None:
        raise NotFound("campaign")
    apart = [check_template(variant["text"]).required for variant in progress.campaign.variants]
    ready = await readiness(session, campaign_id, _needs(progress.campaign), apart=apart, shown=CONTACTS_SHOWN)
    problems = _problems(progress.campaign, ready)
    missing = _missing(ready)
    missing.variants = [
        LackingByVariant(name=variant["name"], count=count, variables=sorted(required))
        for variant, required, count in zip(progress.campaign.variants, apart, ready.lacking_apart, strict=True)
        if count
    ]
    eta_seconds, open_share = progress.eta_seconds, progress.open_share
    finishes_at = end_after(progress.first_at, eta_seconds)
    window = timedelta(seconds=progress.campaign.reply_window_seconds)
    return LaunchCheck(
        ok=not problems,
        problems=problems,
        warnings=await _warnings(session, progress, ready, open_share),
        contacts=ready.contacts,
        suppressed=ready.suppressed,
        missing_variables=missing,
        eta_seconds=eta_seconds,
        sending_seconds=progress.sending_seconds,
        opens_at=progress.opens_at,
        open_share=open_share,
        finishes_at=finishes_at,
        closes_at=None if finishes_at is None else finishes_at + window,
    )


async def refuse_unready(session: AsyncSession, campaign: Campaign) -> None:
    """Raises the 422 problem of a campaign that nothing should go out of, naming variables and contacts."""
    ready = await readiness(session, campaign.id, _needs(campaign), shown=CONTACTS_SHOWN)
    if ready.contacts == 0:
        raise Unprocessable.of("contacts", _NO_CONTACTS)
    if ready.lacking_count:
        missing = _missing(ready)
        errors = [FieldError(field=f"variables.{name}", message=_lacks(name)) for name in missing.variables]
        raise Unprocessable(errors, _lacking(ready), extra={"missing_variables": missing.model_dump(mode="json")})


async def refuse_unready_additions(session: AsyncSession, campaign: Campaign, result: ImportResult) -> None:
    """The same of what was just added to a campaign that passed this check already. Raises the 422 problem.

    Only the new are looked at: to the others an upload can but give values.
    """
    if result.first_added is None:
        return
    count, lacking = await lacking_from(
        session, campaign.id, _needs(campaign), result.first_added, shown=CONTACTS_SHOWN
    )
    if count:
        missing = _missing_of(count, lacking)
        names = ", ".join(missing.variables)
        raise Unprocessable(
            [FieldError(field=f"variables.{name}", message=_added_lack(name)) for name in missing.variables],
            f"{count} of {result.added} new contacts lack a value for: {names}. Nothing was added: the campaign is "
            "scheduled, and its messages need these values.",
            # Without their ids: those who are new to the tenant too are gone with this refusal.
            extra={"missing_variables": missing.model_dump(mode="json", exclude=_FOR_GOOD)},
        )


_FOR_GOOD: Any = {"variants": True, "contacts": {"__all__": {"contact_id"}}}

_NO_CONTACTS = "The campaign has no contacts; import some first."


def _needs(campaign: Campaign) -> TemplateFacts:
    return needs(campaign.message_1, campaign.message_2, campaign.variants)


def _problems(campaign: Campaign, ready: Readiness) -> list[LaunchProblem]:
    problems = []
    if campaign.status != CampaignStatus.DRAFT:
        problems.append(LaunchProblem(code="not_a_draft", message=f"The campaign is {campaign.status}, not a draft."))
    if ready.contacts == 0:
        problems.append(LaunchProblem(code="no_contacts", message=_NO_CONTACTS))
    if ready.lacking_count:
        problems.append(LaunchProblem(code="missing_variables", message=_lacking(ready)))
    return problems


async def _warnings(
    session: AsyncSession, progress: Progress, ready: Readiness, open_share: float
) -> list[LaunchProblem]:
    warnings = []
    view = await find_channel(session, progress.campaign.channel_id)
    if view is not None and view.channel.status != ChannelStatus.ACTIVE:
        said = f"The channel is {view.channel.status}: messages wait until it is active again."
        warnings.append(LaunchProblem(code="channel_not_active", message=said))
    if ready.contacts and ready.suppressed == ready.contacts:
        said = "Every contact has asked not to be written to: nothing will go out."
        warnings.append(LaunchProblem(code="all_suppressed", message=said))
    if progress.left_in and ready.contacts and open_share == 0:
        said = "The send windows of the campaign and of its channel are never open together: nothing would go out."
        warnings.append(LaunchProblem(code="windows_never_open", message=said))
    if progress.others:
        said = f"{progress.others} running campaigns share the channel's rate of {progress.rate_per_second:g}/s."
        warnings.append(LaunchProblem(code="channel_shared", message=said))
    return warnings


def _missing(ready: Readiness) -> MissingVariables:
    return _missing_of(ready.lacking_count, ready.lacking)


def _missing_of(count: int, lacking: list[LackingContact]) -> MissingVariables:
    return MissingVariables(
        count=count,
        variables=sorted({name for contact in lacking for name in contact.missing}),
        contacts=[
            LackingContactOut(contact_id=contact.contact_id, phone=contact.phone, missing=contact.missing)
            for contact in lacking
        ],
    )


def _lacking(ready: Readiness) -> str:
    names = ", ".join(_missing(ready).variables)
    return f"{ready.lacking_count} of {ready.contacts} contacts lack a value for: {names}. Add values, or fallbacks."


def _added_lack(name: str) -> str:
    return f"Some of these contacts have no value for {name}, and the messages of a scheduled campaign are fixed."


def _lacks(name: str) -> str:
    return f"Some contacts have no value; fill the column, or write {{{{ {name} | default('…') }}}}."
