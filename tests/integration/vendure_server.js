'use strict';
// A Vendure server on loopback with its database in memory. The port is the one argument, the password comes by environment.
const { bootstrap, DefaultLogger, LogLevel, dummyPaymentHandler, manualFulfillmentHandler } = require('@vendure/core');

bootstrap({
    apiOptions: { port: Number(process.argv[2]), hostname: '127.0.0.1', adminApiPath: 'admin-api', shopApiPath: 'shop-api' },
    authOptions: {
        tokenMethod: ['bearer', 'api-key'],
        superadminCredentials: { identifier: 'desk', password: process.env.VENDURE_PASSWORD },
    },
    dbConnectionOptions: { type: 'sqljs', synchronize: true, logging: false },
    paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
    shippingOptions: { fulfillmentHandlers: [manualFulfillmentHandler] },
    logger: new DefaultLogger({ level: LogLevel.Warn, timestamp: false }),
    plugins: [],
}).catch(error => {
    console.error(error);
    process.exit(1);
});
