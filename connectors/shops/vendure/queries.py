"""What is asked of Vendure's Admin API (facts: A9; run against Vendure 3.7.3)."""

from typing import Final

LOGIN: Final = """
mutation Login($username: String!, $password: String!) {
  login(username: $username, password: $password) { __typename ... on ErrorResult { errorCode } }
}
"""

PRECISION: Final = "query Precision { globalSettings { serverConfig { moneyStrategyPrecision } } }"

# updatedAt is not asked for: paying, shipping and refunding an order leave it as it is. Its history grows with each of them;
# notes are left out, as they can be deleted.
_ORDER: Final = """
  id code type state orderPlacedAt createdAt currencyCode totalWithTax shippingWithTax
  customer { id emailAddress firstName lastName }
  lines {
    id quantity orderPlacedQuantity unitPriceWithTax linePriceWithTax proratedLinePriceWithTax
    productVariant { id sku name }
  }
  surcharges { priceWithTax }
  payments { id state amount createdAt refunds { id state total reason createdAt } }
  fulfillments { id state method trackingCode }
  history(options: { filter: { type: { notEq: "ORDER_NOTE" } }, sort: { createdAt: DESC, id: DESC }, take: 1 }) {
    totalItems items { createdAt }
  }
"""

PLACED: Final = f"""
query Placed($start: DateTime!, $end: DateTime!, $order: SortOrder!, $take: Int!, $skip: Int!) {{
  orders(options: {{
    filter: {{ orderPlacedAt: {{ between: {{ start: $start, end: $end }} }} }},
    sort: {{ orderPlacedAt: $order, id: $order }}, take: $take, skip: $skip
  }}) {{ totalItems items {{ {_ORDER} }} }}
}}
"""

ORDER: Final = f"""
query Order($code: String!) {{
  orders(options: {{ filter: {{ code: {{ eq: $code }} }}, take: 2 }}) {{ totalItems items {{ {_ORDER} }} }}
}}
"""

STANDING: Final = """
query Standing($code: String!) {
  orders(options: { filter: { code: { eq: $code } }, take: 2 }) {
    items {
      id code state
      lines { id quantity }
      fulfillments { id state method }
      history(options: { filter: { type: { eq: "ORDER_NOTE" } }, take: 100 }) { items { data } }
    }
  }
}
"""

FULFIL: Final = """
mutation Fulfil($lines: [OrderLineInput!]!, $handler: ConfigurableOperationInput!) {
  addFulfillmentToOrder(input: { lines: $lines, handler: $handler }) {
    __typename ... on Fulfillment { id state } ... on ErrorResult { errorCode message }
  }
}
"""

SHIP: Final = """
mutation Ship($id: ID!) {
  transitionFulfillmentToState(id: $id, state: "Shipped") {
    __typename ... on Fulfillment { id state } ... on ErrorResult { errorCode message }
  }
}
"""

NOTE: Final = """
mutation Note($id: ID!, $note: String!) { addNoteToOrder(input: { id: $id, note: $note, isPublic: true }) { id } }
"""
