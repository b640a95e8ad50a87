import type { Socket } from "node:net";
import { BSON, type Document } from "mongodb";

/** https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/ */
const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const HEADER_BYTES = 16;
const MORE_TO_COME = 2;

export interface Command {
  readonly document: Document;
  readonly isAnswerWanted: boolean;
  /** @param moreToCome another answer follows without another command, as a monitor wants it */
  answer(reply: Document, moreToCome?: boolean): void;
}

/** Reads the commands that come on a socket, one after another. */
export function readCommands(socket: Socket, onCommand: (command: Command) => void): void {
  let pending = Buffer.alloc(0);
  socket.on("data", (data) => {
    pending = Buffer.concat([pending, data]);
    while (pending.length >= 4 && pending.length >= pending.readInt32LE(0)) {
      const length = pending.readInt32LE(0);
      onCommand(parse(pending.subarray(0, length), socket));
      pending = pending.subarray(length);
    }
  });
}

function parse(message: Buffer, socket: Socket): Command {
  const requestId = message.readInt32LE(4);
  const operation = message.readInt32LE(12);
  const body = message.subarray(HEADER_BYTES);
  if (operation === OP_QUERY) {
    const document = BSON.deserialize(body.subarray(body.indexOf(0, 4) + 9), { promoteBuffers: true });
    const answer = (reply: Document) => {
      const head = Buffer.alloc(20);
      head.writeInt32LE(1, 16);
      send(socket, OP_REPLY, requestId, [head, BSON.serialize(reply)]);
    };
    return { document, isAnswerWanted: true, answer };
  }
  if (operation !== OP_MSG) throw new Error(`The stand-in does not speak operation ${operation}`);
  const isAnswerWanted = (body.readUInt32LE(0) & MORE_TO_COME) === 0;
  const answer = (reply: Document, moreToCome = false) => {
    const head = Buffer.alloc(5);
    head.writeUInt32LE(moreToCome ? MORE_TO_COME : 0);
    send(socket, OP_MSG, requestId, [head, BSON.serialize(reply)]);
  };
  return { document: readSections(body.subarray(4)), isAnswerWanted, answer };
}

function readSections(sections: Buffer): Document {
  const document: Document = {};
  for (let at = 0; at < sections.length; ) {
    const kind = sections[at];
    const length = sections.readInt32LE(at + 1);
    const section = sections.subarray(at + 1, at + 1 + length);
    if (kind === 0) Object.assign(document, BSON.deserialize(section, { promoteBuffers: true }));
    else Object.assign(document, readSequence(section));
    at += 1 + length;
  }
  return document;
}

function readSequence(section: Buffer): Document {
  const nameEnd = section.indexOf(0, 4);
  const documents: Document[] = [];
  for (let at = nameEnd + 1; at < section.length; at += section.readInt32LE(at)) {
    documents.push(BSON.deserialize(section.subarray(at, at + section.readInt32LE(at))));
  }
  return { [section.toString("utf8", 4, nameEnd)]: documents };
}

function send(socket: Socket, operation: number, responseTo: number, parts: Uint8Array[]): void {
  const body = Buffer.concat(parts);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeInt32LE(HEADER_BYTES + body.length, 0);
  header.writeInt32LE(responseTo, 8);
  header.writeInt32LE(operation, 12);
  socket.write(Buffer.concat([header, body]));
}
