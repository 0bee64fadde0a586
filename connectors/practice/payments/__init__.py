"""Payment providers of the practice world: the doors of Alipay, WeChat Pay and an epay gateway, and the tills that use them."""
