"""An independent shop that is paid through Alipay's door of this world."""

from connectors.practice.payments.alipay import Alipay
from connectors.practice.payments.shop import paid_shop

MARKET = paid_shop("woo-alipay", 21, "WA-", Alipay)
