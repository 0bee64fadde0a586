"""What Aliyun's codes mean (its list of API error codes; ``isv.`` is on our side, ``isp.`` on theirs)."""

from typing import Final

from connectors.channels.base import Evidence, by_status, dead, later, rejected, unknown
from connectors.http import Reply
from core.model.effects import Outcome

_DAY, _HOUR = 86_400.0, 3600.0
_WHY: Final = {
    "isv.MOBILE_NUMBER_ILLEGAL": "recipient_invalid: Aliyun finds the phone number wrong",
    "isv.INVALID_PARAMETERS": "Aliyun finds a parameter wrong",
    "isv.INVALID_JSON_PARAM": "Aliyun finds the template's variables wrong",
    "isv.TEMPLATE_MISSING_PARAMETERS": "a variable of the template is missing from the setting fields",
    "isv.TEMPLATE_PARAMS_ILLEGAL": "a variable holds what its kind in the template does not allow",
    "isv.PARAM_LENGTH_LIMIT": "a variable is longer than its template allows",
    "isv.PARAM_NOT_SUPPORT_URL": "a variable may not hold a link: send {code} and put the page's address into the template",
    "isv.SMS_TEMPLATE_ILLEGAL": "the template is not approved or belongs to another account",
    "isv.SMS_SIGNATURE_ILLEGAL": "the signature is not approved or belongs to another account",
    "isv.SMS_SIGN_ILLEGAL": "the signature is not approved or belongs to another account",
    "isv.SIGN_STATE_ILLEGAL": "the signature may not be used at present",
    "isv.SMS_SIGNATURE_SCENE_ILLEGAL": "signature and template are of different kinds",
    "isv.DOMESTIC_NUMBER_NOT_SUPPORTED": "the template is for numbers abroad alone",
    "isv.BLACK_KEY_CONTROL_LIMIT": "a variable holds a forbidden word",
    "isv.SMS_CONTENT_ILLEGAL": "the message holds a forbidden word",
    "isv.AMOUNT_NOT_ENOUGH": "the Aliyun account has no money left",
    "isv.OUT_OF_SERVICE": "the Aliyun account has no money left",
    "isv.PRODUCT_UN_SUBSCRIPT": "the SMS service is not opened for this account",
    "isv.PRODUCT_UNSUBSCRIBE": "the SMS service is not opened for this account",
    "isv.ACCOUNT_ABNORMAL": "the Aliyun account is restricted",
    "isv.ACCOUNT_NOT_EXISTS": "the Aliyun account does not exist",
}
_WAIT: Final = {
    "isv.BUSINESS_LIMIT_CONTROL": ("too many messages to this number", _HOUR),
    "isv.DAY_LIMIT_CONTROL": ("the day's limit set in the console is reached", _HOUR),
    "isv.MONTH_LIMIT_CONTROL": ("the month's limit set in the console is reached", _DAY),
    "InvalidTimeStamp.Expired": ("this machine's clock is off", 60.0),
}
_DEAD: Final = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "Forbidden",
    "NoPermission",
    "isp.RAM_PERMISSION_DENY",
    "isv.DENY_IP_RANGE",
    "InvalidSecurityToken",
)


def meaning_of(code: str, words: str, reply: Reply, label: str) -> Outcome:
    """The Outcome of a code other than OK."""
    evidence: Evidence = {"status": reply.status, "code": code[:60], "said": words, "path": label}
    if code.startswith(_DEAD):
        return dead(evidence)
    if code in _WAIT:
        why, seconds = _WAIT[code]
        return later(why, seconds, evidence)
    if code.startswith("Throttling"):
        return later("rate limit", reply.retry_after() or 5.0, evidence)
    if code in _WHY:
        return rejected(f"{_WHY[code]} ({code})", evidence)
    if code.startswith("isv."):
        return rejected(f"Aliyun refused: {words}", evidence)
    if reply.status == 200 or code.startswith(("isp.", "Service", "Internal", "SignatureNonceUsed")):
        return unknown(f"Aliyun error: {words}", evidence)
    return by_status(reply, label)
