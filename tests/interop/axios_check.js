// Drives a running levy sandbox with npm's wechatpay-axios-plugin: URL of the sandbox, its directory.
'use strict';

const { randomBytes } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { Aes, Wechatpay, Rsa } = require('wechatpay-axios-plugin');

const SUBMIT = '/v3/aggracct-bc/wb-channel/special-reduction';
const MERCHANT = '1900016681';
const ACCOUNT = '8609cb22e1774a50a930e414cc71eca06121bc';

function expect(what, held) {
  console.log(`${held ? 'ok  ' : 'FAIL'} ${what}`);
  if (!held) process.exit(1);
}

async function main(baseURL, directory) {
  const read = (name) => readFileSync(join(directory, name), 'utf8');
  const material = JSON.parse(read('material.json'));
  const platform = Rsa.from(read(material.public_key), Rsa.KEY_TYPE_PUBLIC);
  const own = Rsa.from(read(material.private_key), Rsa.KEY_TYPE_PRIVATE);
  const { client } = new Wechatpay({
    mchid: material.mchid,
    serial: material.serial_no,
    privateKey: own,
    certs: { [material.public_key_id]: platform },
    baseURL,
    // The sandbox is on this machine: no proxy is asked.
    proxy: false,
    timeout: 10000,
    headers: { 'Wechatpay-Serial': material.public_key_id },
  });

  const submit = (number, reason) => client.v3.post(SUBMIT, {
    mchid: MERCHANT,
    bal_account_no: Rsa.encrypt(ACCOUNT, platform),
    out_request_no: number,
    reduction_type: 'JUDICIAL_DEDUCTION',
    amount: 1,
    reason,
  });
  // The library's own refusals have a code that begins so; an answer of the gateway has not.
  const refused = (call) => call.then(() => false, ({ code }) => /^EV3_RES_/.test(code));

  const number = `JS${randomBytes(14).toString('hex')}`;
  const { data: told } = await submit(number, '司法案件号:202508080009');
  expect('a submission is answered with a verified SUCCESS',
    told.state === 'SUCCESS' && told.out_request_no === number);
  expect('the account in the reply opens with the caller\'s key',
    Rsa.decrypt(told.bal_account_no, own) === ACCOUNT);

  const { data: asked } = await client.v3.get(`${SUBMIT}/${number}`, {
    params: { mchid: MERCHANT, bal_account_no: Rsa.encrypt(ACCOUNT, platform) },
  });
  expect('the query tells the same', asked.quota_change_no === told.quota_change_no);

  let place = 0;
  for (const step of ['bad-signature', 'no-signature', 'probe', 'stale']) {
    const [forged, reason] = [`${number}${place}`, `#sandbox post=${step},success`];
    expect(`a reply with ${step} is refused`, await refused(submit(forged, reason)));
    const { data } = await submit(forged, reason);
    expect('… and the true one after it is taken', data.state === 'SUCCESS');
    place += 1;
  }

  await certificates(client, baseURL, material, {
    privateKey: own,
    apiV3Key: read(material.api_v3_key).trim(),
    platformCertificate: read(material.platform_certificate),
  });
}

// The library's own downloader (0.9.6) adds what it opened to a list that its verifier has a copy of, so
// that it refuses every answer; here its parts do the same in two steps.
async function certificates(client, baseURL, material, own) {
  const { data: { data } } = await client.v3.get('/v3/certificates');
  const secret = own.apiV3Key;
  const certs = Object.fromEntries(data.map(({ serial_no: serial, encrypt_certificate: it }) => [
    serial, Aes.AesGcm.decrypt(it.ciphertext, secret, it.nonce, it.associated_data)]));
  expect('the certificates come signed, and open under the APIv3 key',
    certs[material.platform_serial_no] === own.platformCertificate && data.length === 1);

  const [[serial, pem]] = Object.entries(certs);
  const key = Rsa.from(pem, Rsa.KEY_TYPE_PUBLIC);
  const { client: by } = new Wechatpay({
    mchid: material.mchid,
    serial: material.serial_no,
    privateKey: own.privateKey,
    certs: { [serial]: pem },
    baseURL,
    proxy: false,
    timeout: 10000,
    headers: { 'Wechatpay-Serial': serial },
  });
  const number = `JS${randomBytes(14).toString('hex')}`;
  const { data: told } = await by.v3.post(SUBMIT, {
    mchid: MERCHANT,
    bal_account_no: Rsa.encrypt(ACCOUNT, key),
    out_request_no: number,
    reduction_type: 'JUDICIAL_DEDUCTION',
    amount: 1,
  });
  expect('what is sealed under a downloaded certificate opens, and the reply verifies under it',
    told.state === 'SUCCESS' && told.out_request_no === number);
}

if (process.argv.length !== 4) {
  console.error('usage: axios_check.js http://127.0.0.1:PORT SANDBOX_DIRECTORY');
  process.exit(2);
}
main(process.argv[2], process.argv[3]).catch((fault) => {
  console.error(`FAIL ${fault.message}`, fault.response ? fault.response.data : '');
  process.exit(1);
});
