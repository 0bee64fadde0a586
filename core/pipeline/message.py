"""What the buyer reads: every key, numbered n of n, in Chinese or English. Never logged."""

from collections.abc import Sequence

from core.model.effects import Slot

TEXTS = {
    "zh_CN": (
        "您的订单 {order} 已发货(共 {n} 个卡密)",
        "您好,您在 {shop} 的订单 {order} 已发货,共 {n} 个卡密:",
        "第 {i}/{n} 个 {title}",
        "请妥善保管,不要转发给他人。如重复收到本消息,内容相同,请忽略。",
    ),
    "en": (
        "Your order {order}: {n} key(s)",
        "Your order {order} at {shop} is delivered. It has {n} key(s):",
        "{i} of {n} {title}",
        "Keep them safe and do not forward them. If this message reaches you twice it is the same; ignore the repeat.",
    ),
}


def render(language: str, shop: str, order: str, slots: Sequence[Slot]) -> tuple[str, str]:
    """(subject, text) of the delivery message; a key stands alone on its line, byte for byte."""
    subject, head, item, foot = TEXTS[language]
    n = len(slots)
    parts = [head.format(shop=shop, order=order, n=n), ""]
    for i, slot in enumerate(slots, 1):
        parts += [item.format(i=i, n=n, title=slot.title), slot.secret, ""]
    parts.append(foot)
    return subject.format(order=order, n=n), "\n".join(parts)
