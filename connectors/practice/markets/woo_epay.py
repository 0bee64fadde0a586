"""An independent shop that is paid through Epay's door of this world."""

from connectors.practice.payments.epay import Epay
from connectors.practice.payments.shop import paid_shop

MARKET = paid_shop("woo-epay", 23, "WE-", Epay)
