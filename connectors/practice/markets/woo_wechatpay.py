"""An independent shop that is paid through WeChatPay's door of this world."""

from connectors.practice.payments.shop import paid_shop
from connectors.practice.payments.wechatpay import WeChatPay

MARKET = paid_shop("woo-wechatpay", 22, "WW-", WeChatPay)
