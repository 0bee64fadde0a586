"""What is asked of Shopify's Admin GraphQL API (facts: A7; field names checked against its published reference)."""

from typing import Final

PAGE: Final = 100  # rows of the list; they are two fields each
LINES: Final = 25  # lines of an order; one with more goes to quarantine, as Shopify charges for lines not there
TRANSACTIONS: Final = 50

CHANGED: Final = """
query Changed($first: Int!, $after: String, $query: String!) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes { id updatedAt }
    pageInfo { hasNextPage endCursor }
  }
}
"""

_BAG: Final = "{ shopMoney { amount currencyCode } }"
ORDER: Final = f"""
query Order($id: ID!) {{
  order(id: $id) {{
    id name email note createdAt updatedAt cancelledAt test currencyCode taxesIncluded
    displayFinancialStatus displayFulfillmentStatus
    customer {{ id displayName }}
    totalPriceSet {_BAG}
    currentTotalPriceSet {_BAG}
    currentTotalTaxSet {_BAG}
    currentShippingPriceSet {_BAG}
    totalTipReceivedSet {_BAG}
    currentTotalDutiesSet {_BAG}
    currentTotalAdditionalFeesSet {_BAG}
    totalReceivedSet {_BAG}
    totalRefundedSet {_BAG}
    risk {{ recommendation }}
    transactions(first: {TRANSACTIONS}) {{ id kind status processedAt amountSet {_BAG} }}
    lineItems(first: {LINES}) {{
      nodes {{
        id sku title quantity currentQuantity
        variant {{ id }}
        originalUnitPriceSet {_BAG}
        discountAllocations {{ allocatedAmountSet {_BAG} }}
        taxLines {{ priceSet {_BAG} }}
      }}
      pageInfo {{ hasNextPage }}
    }}
  }}
}}
"""

OPEN: Final = """
query Open($id: ID!) {
  order(id: $id) {
    id cancelledAt displayFulfillmentStatus
    fulfillmentOrders(first: 50) {
      nodes { id status assignedLocation { location { id } } }
      pageInfo { hasNextPage }
    }
  }
}
"""

FULFIL: Final = """
mutation Fulfil($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id status }
    userErrors { field message }
  }
}
"""
