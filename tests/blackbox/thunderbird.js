// What Thunderbird is asked to do, inside itself: what its windows call when somebody clicks. `thunderbird.py` sends this
// text before each call; `arguments` are the action's name, its input, and whom to tell the outcome.

const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");

const account = () => MailServices.accounts.accounts.find((each) => each.incomingServer.type === "imap");
const folder = (path) => {
  const found = path.split("/").reduce((at, name) => at.getChildNamed(name), account().incomingServer.rootFolder);
  return found.QueryInterface(Ci.nsIMsgImapMailFolder);
};
const headers = (at) => [...at.msgDatabase.enumerateMessages()];
const header = (at, subject) => {
  const found = headers(at).filter((each) => each.mime2DecodedSubject === subject);
  if (found.length !== 1) throw new Error(`${found.length} messages in ${at.name} have the subject ${subject}`);
  return found[0];
};
const failure = (status) => new Error(`status 0x${status.toString(16)}`);

// Listeners that turn Thunderbird's calls back into promises.
const running = (start) => new Promise((resolve, reject) => start({
  QueryInterface: ChromeUtils.generateQI(["nsIUrlListener"]),
  OnStartRunningUrl() {},
  OnStopRunningUrl(url, status) { Components.isSuccessCode(status) ? resolve() : reject(failure(status)); },
}));
const copying = (start) => new Promise((resolve, reject) => start({
  QueryInterface: ChromeUtils.generateQI(["nsIMsgCopyServiceListener"]),
  onStartCopy() {}, onProgress() {}, setMessageKey() {}, getMessageId() { return null; },
  onStopCopy(status) { Components.isSuccessCode(status) ? resolve() : reject(failure(status)); },
}));

const actions = {
  // The user has looked at the certificate and keeps it; the passwords are remembered.
  async prepare({ host, ports, certificate, user, password }) {
    const known = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).constructX509FromBase64(certificate);
    const overrides = Cc["@mozilla.org/security/certoverride;1"].getService(Ci.nsICertOverrideService);
    for (const port of ports) overrides.rememberValidityOverride(host, port, {}, known, false);
    for (const protocol of ["imap", "smtp"]) {
      const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
      login.init(`${protocol}://${host}`, null, `${protocol}://${host}`, user, password, "", "");
      await Services.logins.addLoginAsync(login);
    }
  },

  // As a click on a folder: its mail is fetched. The account's first one brings the list of folders, too.
  async open({ path }) { await running((listener) => folder(path).updateFolderWithListener(null, listener)); },

  folders() { return account().incomingServer.rootFolder.descendants.map((at) => at.QueryInterface(Ci.nsIMsgImapMailFolder).onlineName).sort(); },

  // {subject: its marks} as a list of messages shows it.
  list({ path }) {
    return Object.fromEntries(headers(folder(path)).map((each) => [each.mime2DecodedSubject, [
      each.isRead ? "read" : "", each.isFlagged ? "star" : "",
      each.flags & Ci.nsMsgMessageFlags.Replied ? "replied" : "", ...each.getStringProperty("keywords").split(" ").sort(),
    ].filter((mark) => mark && !/junk/i.test(mark))]));
  },

  // The text of a message, as it comes from the server.
  async read({ path, subject }) {
    const at = folder(path), uri = at.getUriForMsg(header(at, subject));
    return await new Promise((resolve, reject) => {
      let text = "";
      const sink = {
        QueryInterface: ChromeUtils.generateQI(["nsIStreamListener"]),
        onStartRequest() {},
        onDataAvailable(request, stream, offset, count) {
          const reader = Cc["@mozilla.org/scriptableinputstream;1"].createInstance(Ci.nsIScriptableInputStream);
          reader.init(stream);
          text += reader.readBytes(count);
        },
        onStopRequest(request, status) { Components.isSuccessCode(status) ? resolve(text) : reject(failure(status)); },
      };
      MailServices.messageServiceFromURI(uri).streamMessage(uri, sink, null, null, false, "");
    });
  },

  mark({ path, subject, read, star, tag }) {
    const at = folder(path), message = header(at, subject);
    if (read !== undefined) at.markMessagesRead([message], read);
    if (star !== undefined) at.markMessagesFlagged([message], star);
    if (tag) at.addKeywordsToMessages([message], tag);
  },

  create({ name }) { account().incomingServer.rootFolder.createSubfolder(name, null); },

  // A folder that was made is there when the server's answer has come.
  exists({ path }) {
    try { return Boolean(folder(path)); } catch { return false; }
  },

  async copy({ path, subject, to, move }) {
    const at = folder(path);
    await copying((listener) => MailServices.copy.copyMessages(at, [header(at, subject)], folder(to), move, listener, null, false));
  },

  // Into the folder that the account has for it.
  async remove({ path, subject }) {
    const at = folder(path);
    await copying((listener) => at.deleteMessages([header(at, subject)], null, false, false, listener, false));
  },

  async compact({ path }) { await running((listener) => folder(path).compact(listener, null)); },

  // "Search Messages" with "Run search on server".
  async search({ path, body }) {
    const session = Cc["@mozilla.org/messenger/searchSession;1"].createInstance(Ci.nsIMsgSearchSession);
    const term = session.createTerm(), value = term.value;
    value.attrib = term.attrib = Ci.nsMsgSearchAttrib.Body;
    value.str = body;
    term.value = value;
    term.op = Ci.nsMsgSearchOp.Contains;
    session.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, folder(path));
    session.appendTerm(term);
    return await new Promise((resolve, reject) => {
      const found = [];
      session.registerListener({
        QueryInterface: ChromeUtils.generateQI(["nsIMsgSearchNotify"]),
        onNewSearch() {},
        onSearchHit(message) { found.push(message.mime2DecodedSubject); },
        onSearchDone(status) { Components.isSuccessCode(status) ? resolve(found.sort()) : reject(failure(status)); },
      });
      session.search(null);
    });
  },

  // As the composer's "Send": out by submission, and a copy into Sent.
  async send({ to, subject, body }) {
    const identity = account().defaultIdentity;
    const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
    Object.assign(fields, { from: identity.fullAddress, to, subject, body });
    await new Promise((resolve, reject) => {
      const listener = {
        QueryInterface: ChromeUtils.generateQI(["nsIMsgSendListener", "nsIMsgCopyServiceListener"]),
        onStartSending() {}, onSendProgress() {}, onStatus() {}, onGetDraftFolderURI() {}, onTransportSecurityError() {}, onSendNotPerformed() {},
        onStopSending(id, status) { if (!Components.isSuccessCode(status)) reject(failure(status)); },
        onStartCopy() {}, onProgress() {}, setMessageKey() {}, getMessageId() { return null; },
        onStopCopy(status) { Components.isSuccessCode(status) ? resolve() : reject(failure(status)); },
      };
      Cc["@mozilla.org/messengercompose/send;1"].createInstance(Ci.nsIMsgSend).createAndSendMessage(
        null, identity, account().key, fields, false, false, Ci.nsIMsgCompDeliverMode.Now, null, "text/plain", body,
        null, null, listener, null, null, Ci.nsIMsgCompType.New,
      );
    });
  },
};

const [action, input, done] = arguments;
new Promise((resolve) => resolve(actions[action](input))).then((value) => done({ value }), (error) => done({ error: String(error) }));
