// SPDX-License-Identifier: GPL-2.0
// What AWS's JavaScript client gets from nitro-kms. Reads the commands as JSON, one after the
// other: {"command", "input"}, where {"base64"} stands for bytes; prints what comes of each.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const kms = createRequire("/opt/aws/")("@aws-sdk/client-kms");
// A document is good for one request: what is repeated needs another
const client = new kms.KMSClient({ maxAttempts: 1, endpoint: process.argv[2], region: "nitro-local-1",
	credentials: { accessKeyId: process.argv[3], secretAccessKey: process.argv[4] } });

function revive(key, value) {
	return value && value.base64 ? Buffer.from(value.base64, "base64") : value;
}

function show(value) {
	const bytes = ([key, part]) => [key, part instanceof Uint8Array ?
		Buffer.from(part).toString("base64") : part];
	const { $metadata, ...rest } = value;

	return Object.fromEntries(Object.entries(rest).map(bytes));
}

const replies = [];
for (const { command, input } of JSON.parse(readFileSync(0, "utf8"), revive)) {
	try {
		replies.push(show(await client.send(new kms[`${command}Command`](input))));
	} catch (error) {
		replies.push({ error: error.name, known: error instanceof kms.KMSServiceException &&
			error.constructor !== kms.KMSServiceException, message: error.message });
	}
}
console.log(JSON.stringify(replies));
