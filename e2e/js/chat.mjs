// Two users of the pure JavaScript SDK talk over a real server: they log in, send,
// receive, read the history and mark as read, come back after having been away, and
// meet in a group.
//
// The server and the tokens are in the environment. Each step prints a line; the
// first that fails ends the program with an error.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { setTimeout } from 'node:timers/promises';
import WebSocket from 'ws';

// What the SDK expects of a browser: sockets that give binary frames as
// ArrayBuffer and send an Origin. fetch and Blob are Node's own.
globalThis.WebSocket = class extends WebSocket {
  constructor(url) {
    super(url, { origin: 'http://app.test' });
    this.binaryType = 'arraybuffer';
  }
};

// The SDK is published for bundlers: Node takes its CommonJS form.
const { getSDK, CbEvents, Platform, SessionType, LogLevel } = createRequire(import.meta.url)('@openim/client-sdk');

const { API, WS, ANN_TOKEN, BOB_TOKEN } = process.env;
const patience = 20_000; // for what must happen at once, on a machine that does much else

const step = (text) => console.log(`ok ${text}`);

// A user with everything that its SDK has told.
class User {
  constructor(userID, token) {
    Object.assign(this, { userID, token, told: [], waiting: new Set() });
  }

  async login() {
    this.sdk = getSDK();
    this.told = [];
    for (const event of Object.values(CbEvents)) {
      this.sdk.on(event, ({ data, errCode, errMsg }) => {
        this.told.push({ event, data, errCode, errMsg });
        for (const look of this.waiting) look();
      });
    }
    await this.sdk.login({
      userID: this.userID, token: this.token, platformID: Platform.Web, apiAddr: API, wsAddr: WS, logLevel: LogLevel.Error,
    });
    await this.wait(CbEvents.OnConnectSuccess);
    await this.wait(CbEvents.OnSyncServerFinish);
  }

  // wait resolves with the data of the first event that fits, also of one told before.
  wait(event, fits = () => true) {
    return new Promise((resolve, reject) => {
      const timer = globalThis.setTimeout(() => {
        this.waiting.delete(look);
        reject(new Error(`${this.userID} was not told ${event}, but ${JSON.stringify(this.told.map((t) => t.event))}`));
      }, patience);
      const look = () => {
        const found = this.told.find((t) => t.event === event && fits(t.data));
        if (!found) return;
        clearTimeout(timer);
        this.waiting.delete(look);
        resolve(found.data);
      };
      this.waiting.add(look);
      look();
    });
  }

  async say(to, text) {
    const { data: message } = await this.sdk.createTextMessage(text);
    const { data: sent } = await this.sdk.sendMessage({ recvID: to.userID ?? '', groupID: to.groupID ?? '', message });
    assert.equal(sent.clientMsgID, message.clientMsgID);
    assert.ok(sent.serverMsgID, 'the acknowledgement names the message');
    return sent;
  }

  async hears(clientMsgID) {
    const messages = await this.wait(CbEvents.OnRecvNewMessages, (list) => list.some((m) => m.clientMsgID === clientMsgID));
    return messages.find((m) => m.clientMsgID === clientMsgID);
  }

  async history(conversationID) {
    const { data } = await this.sdk.getAdvancedHistoryMessageList({ conversationID, count: 20, startClientMsgID: '' });
    return data.messageList.map((m) => m.textElem?.content).filter(Boolean);
  }

  // conversation resolves with a conversation of the list once it fits: the SDK tells
  // of a message before it has counted it.
  async conversation(conversationID, fits) {
    const until = Date.now() + patience;
    for (;;) {
      const { data } = await this.sdk.getConversationListSplit({ offset: 0, count: 100 });
      const found = data.find((c) => c.conversationID === conversationID);
      if (found && fits(found)) return found;
      assert.ok(Date.now() < until, `${this.userID} has ${conversationID} as ${JSON.stringify(found)}, among ${data.length}`);
      await setTimeout(50);
    }
  }
}

const ann = new User('jsann', ANN_TOKEN);
const bob = new User('jsbob', BOB_TOKEN);
const chat = 'si_jsann_jsbob';

await ann.login();
await bob.login();
step('two users log in');

const { data: self } = await ann.sdk.getSelfUserInfo();
assert.equal(self.userID, ann.userID);
step('a user reads the own profile');

const first = await ann.say(bob, 'hello, bob');
const heard = await bob.hears(first.clientMsgID);
assert.equal(heard.textElem.content, 'hello, bob');
assert.equal(heard.sendID, ann.userID);
assert.equal(heard.sessionType, SessionType.Single);
step('a message is sent and received');

assert.deepEqual(await bob.history(chat), ['hello, bob']);
step('the history is read');

await bob.conversation(chat, (c) => c.unreadCount === 1);
const receipt = ann.wait(CbEvents.OnRecvC2CReadReceipt, (list) => list.some((r) => r.userID === bob.userID));
await bob.sdk.markConversationMessageAsRead(chat);
await receipt;
await bob.conversation(chat, (c) => c.unreadCount === 0);
step('the conversation is marked as read, and the sender is told');

await bob.sdk.logout();
for (const text of ['one', 'two', 'three']) await ann.say(bob, text);
await bob.login();
await bob.conversation(chat, (c) => c.unreadCount === 3);
assert.deepEqual(await bob.history(chat), ['hello, bob', 'one', 'two', 'three']);
step('what was said meanwhile is there after a login');

const { data: group } = await ann.sdk.createGroup({
  memberUserIDs: [bob.userID], adminUserIDs: [], ownerUserID: ann.userID, groupInfo: { groupType: 2, groupName: 'js' },
});
const groupID = group.groupID;
const inGroup = await ann.say({ groupID }, 'hello, all');
const heardThere = await bob.hears(inGroup.clientMsgID);
assert.equal(heardThere.groupID, groupID);
assert.equal(heardThere.textElem.content, 'hello, all');
await bob.conversation(`sg_${groupID}`, (c) => c.conversationType === SessionType.Group);
step('a group is made, and a message in it is received');

// The SDK revokes what it has in store, and works its own messages in beside the answers to sending.
for (const until = Date.now() + patience; !(await ann.history(`sg_${groupID}`)).includes('hello, all'); await setTimeout(50)) {
  assert.ok(Date.now() < until, 'the sender does not have the own message');
}
const revoked = bob.wait(CbEvents.OnNewRecvMessageRevoked, (r) => r.clientMsgID === inGroup.clientMsgID);
await ann.sdk.revokeMessage({ conversationID: `sg_${groupID}`, clientMsgID: inGroup.clientMsgID });
await revoked;
step('a message is revoked');

await ann.sdk.logout();
await bob.sdk.logout();
step('two users log out');
process.exit(0); // the SDK's timers go on
