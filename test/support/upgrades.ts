/** For tests below `test/frameworks`, a package of its own, where monodon is not found by its name. */
export { upgradeWebSocket } from 'monodon'
export { upgradeWebSocket as upgradeWebSocketOfHono } from 'monodon/hono'
