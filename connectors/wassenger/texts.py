"""What Wassenger's inbound messages say: who wrote, where, and what."""

from collections.abc import Mapping
from datetime import datetime

from connectors.events import ChatKind, MediaRef, TextReceived
from connectors.redaction import clip, storable
from connectors.wassenger.wire import moment_of, phone_of, text_of

_MAX_ID_CHARS = 200
_MAX_NAME_CHARS = 200
_SAME_KIND = {"chat": "text", "ptt": "audio", "voice": "audio", "": "unknown"}
_CHAT_KINDS: dict[str, ChatKind] = {
    "g.us": "group",
    "newsletter": "newsletter",
    "broadcast": "broadcast",
    "group": "group",
    "channel": "newsletter",
}
# Where a menu's answer has been seen or may be by the clients of this API; the shape itself is documented nowhere.
_CHOICE_HOLDERS = frozenset(
    {
        "response",
        "buttonsresponse",
        "buttonresponse",
        "listresponse",
        "interactive",
        "buttonreply",
        "listreply",
        "button",
        "buttons",
        "list",
        "selected",
        "reply",
        "row",
        "singleselectreply",
    }
)
_CHOICE_KINDS = frozenset({"buttonsresponse", "buttonresponse", "listresponse", "interactive", "templatebuttonreply"})
_CHOICE_TITLES = ("title", "selectedDisplayText", "displayText", "text")
_CHOICE_DEPTH = 4

Object = Mapping[str, object]
_NOTHING: Object = {}


def is_from_us(message: Object, envelope: Object) -> bool:
    """Whether the account itself wrote it. `flow` says so; without it, the writer is compared with the device."""
    flow = message.get("flow")
    if isinstance(flow, str) and flow:
        return flow.lower() == "outbound"
    if message.get("fromMe") is True:
        return True
    own = phone_of(_object(envelope, "device").get("phone"))
    return own is not None and own in (phone_of(message.get("fromNumber")), phone_of(message.get("from")))


def read_text(message: Object, envelope: Object, spare_id: str) -> TextReceived | None:
    """The message as ours; None if nothing tells who or where it is from.

    `spare_id` stands in for a missing message id, so that a reply is not lost for want of one.
    """
    chat_id = _chat_id(message)
    chat_kind = _chat_kind(message, chat_id)
    phone = _writer(message, chat_kind)
    if not chat_id and phone is None:
        return None
    kind = _kind(message)
    media = _media(message, kind)
    return TextReceived(
        provider_message_id=clip(text_of(message.get("id")), _MAX_ID_CHARS) or spare_id,
        from_phone=phone,
        text=_text(message, kind, media),
        occurred_at=_moment(message, envelope),
        chat_id=chat_id or f"{(phone or '').removeprefix('+')}@c.us",
        chat_kind=chat_kind,
        profile_name=_profile_name(message),
        media=media,
        kind=kind,
    )


def _object(holder: Object, key: str) -> Object:
    found = holder.get(key)
    return found if isinstance(found, Mapping) else _NOTHING


def _chat_id(message: Object) -> str:
    chat = message.get("chat")
    named = text_of(chat.get("id")) or text_of(chat.get("wid")) if isinstance(chat, Mapping) else text_of(chat)
    return clip(named or text_of(message.get("from")), _MAX_ID_CHARS)


def _chat_kind(message: Object, chat_id: str) -> ChatKind:
    server = chat_id.rpartition("@")[2].lower()
    by_id = _CHAT_KINDS.get(server) if "@" in chat_id else None
    by_type = _CHAT_KINDS.get(text_of(_object(message, "chat").get("type")).lower())
    flagged: ChatKind = "group" if _object(message, "meta").get("isGroup") is True else "person"
    return by_id or by_type or flagged


def _writer(message: Object, chat_kind: ChatKind) -> str | None:
    """The writer's number. Between two people the chat's contact is the writer; in a group it is not."""
    meta = _object(message, "meta")
    candidates = [message.get("fromNumber"), message.get("author"), meta.get("author"), meta.get("participant")]
    if chat_kind == "person":
        chat = _object(message, "chat")
        contact = _object(chat, "contact")
        candidates += [contact.get("phone"), _object(message, "contact").get("phone"), message.get("phone")]
        candidates += [message.get("from"), contact.get("wid"), chat.get("id")]
    else:
        candidates.append(message.get("from"))
    return next(filter(None, map(phone_of, candidates)), None)


def _kind(message: Object) -> str:
    told = clip(text_of(message.get("type")), 40).lower()
    if not told and isinstance(message.get("body"), str):
        return "text"
    return _SAME_KIND.get(told, told)


def _text(message: Object, kind: str, media: MediaRef | None) -> str:
    body = text_of(message.get("body")).strip()
    caption = (media.caption if media else None) or text_of(message.get("caption"))
    chosen = _chosen_title(message, _CHOICE_DEPTH) if _plain(kind) in _CHOICE_KINDS else ""
    return storable(body or caption or chosen)


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _chosen_title(holder: Object, depth: int) -> str:
    """The title of the button or row that was chosen: the first one found in the known places, nearest first."""
    if depth == 0:
        return ""
    inner = [value for key, value in holder.items() if _plain(str(key)) in _CHOICE_HOLDERS]
    objects = [value for value in inner if isinstance(value, Mapping)]
    for found in objects:
        title = next(filter(None, (text_of(found.get(key)).strip() for key in _CHOICE_TITLES)), "")
        if title:
            return title
    return next(filter(None, (_chosen_title(found, depth - 1) for found in objects)), "")


def _media(message: Object, kind: str) -> MediaRef | None:
    media = message.get("media")
    if not isinstance(media, Mapping):
        return None
    size = media.get("size")
    return MediaRef(
        id=_short(media.get("id")),
        kind=clip(text_of(media.get("type")), 40).lower() or kind,
        mime=_short(media.get("mime")),
        size_bytes=size if isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**63 else None,
        filename=_short(media.get("filename")),
        caption=storable(text_of(media.get("caption"))) or None,
        download_path=clip(text_of(_object(media, "links").get("download")), 1000) or None,
    )


def _short(value: object) -> str | None:
    return clip(text_of(value), _MAX_NAME_CHARS) or None


def _moment(message: Object, envelope: Object) -> datetime | None:
    given = (message.get("timestamp"), message.get("date"), message.get("createdAt"), envelope.get("created"))
    return next((moment for moment in map(moment_of, given) if moment is not None), None)


def _profile_name(message: Object) -> str | None:
    chat = _object(message, "chat")
    contact = _object(chat, "contact")
    names = (
        _object(message, "meta").get("notifyName"),
        contact.get("displayName"),
        contact.get("name"),
        chat.get("name"),
    )
    return next(filter(None, map(_short, names)), None)
