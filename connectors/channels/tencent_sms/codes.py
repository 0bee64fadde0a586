"""What Tencent's codes mean (its list of SMS sending error codes)."""

from typing import Final

from connectors.channels.base import Evidence, dead, later, rejected, unknown
from core.model.effects import Outcome

_HOUR: Final = 3600.0
_WHY: Final = {
    "InvalidParameterValue.IncorrectPhoneNumber": "recipient_invalid: Tencent finds the phone number wrong",
    "FailedOperation.PhoneNumberInBlacklist": "the buyer unsubscribed or is on the carrier's do-not-disturb list",
    "FailedOperation.SignatureIncorrectOrUnapproved": "the signature is not approved",
    "FailedOperation.TemplateIncorrectOrUnapproved": "the template is not approved or the message does not fit it",
    "FailedOperation.TemplateUnapprovedOrNotExist": "the template is not approved or does not exist",
    "FailedOperation.TemplateParamSetNotMatchApprovedTemplate": "fields has another number of variables than the template",
    "FailedOperation.ContainSensitiveWord": "the message holds a forbidden word",
    "FailedOperation.InsufficientBalanceInSmsPackage": "the Tencent SMS package is used up",
    "UnauthorizedOperation.ServiceSuspendDueToArrears": "the Tencent account has no money left",
    "UnauthorizedOperation.SmsSdkAppIdVerifyFail": "sdk_app_id belongs to another account or is not allowed",
    "InvalidParameterValue.SdkAppIdNotExist": "sdk_app_id does not exist",
    "InvalidParameterValue.ContentLengthLimit": "the message is too long",
    "InvalidParameterValue.TemplateParameterLengthLimit": "a variable is longer than Tencent allows this account",
    "InvalidParameterValue.TemplateParameterFormatError": "a variable holds what its kind in the template does not allow",
    "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter": (
        "a variable may not hold a link: send {code} and put the page's address into the template"
    ),
}
_WAIT: Final = {
    "LimitExceeded.PhoneNumberThirtySecondLimit": 30.0,
    "LimitExceeded.DeliveryFrequencyLimit": 60.0,
}
_REFUSED: Final = (
    "InvalidParameter",
    "MissingParameter",
    "UnknownParameter",
    "Unsupported",
    "UnauthorizedOperation",
    "InvalidAction",
    "NoSuch",
)
_DEAD: Final = ("AuthFailure", "UnauthorizedOperation.RequestIpNotInWhitelist", "IpNotInWhitelist", "IpInBlacklist")


def meaning_of(code: str, words: str) -> Outcome:
    """The Outcome of a code other than Ok. Tencent answers with HTTP 200 throughout."""
    evidence: Evidence = {"code": code[:80], "said": words}
    if code.startswith(_DEAD):
        return dead(evidence)
    if code.startswith("RequestLimitExceeded"):
        return later("rate limit", 5.0, evidence)
    if code.startswith("LimitExceeded"):
        return later("too many messages to this number or in all", _WAIT.get(code, _HOUR), evidence)
    if code in _WHY:
        return rejected(f"{_WHY[code]} ({code})", evidence)
    if code.startswith(_REFUSED):
        return rejected(f"Tencent refused: {words}", evidence)
    return unknown(f"Tencent error: {words}", evidence)
