import { deflateRawSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { readReport } from '../src/read-report.js';
import { reportXml } from '../src/report-xml.js';
import { unpack } from '../src/unpack.js';
import { facts, row, xml } from './sample-report.js';

test('what we write others can read', () => {
  const xml = reportXml(facts, [
    { row, count: 3 },
    { row: { ...row, disposition: 'none', override: 'sampled_out', dkim: 'pass' }, count: 1 },
  ]);
  expect(xml).toContain('<reason>\n<type>sampled_out</type>\n</reason>');
  expect(readReport(xml)).toMatchObject([
    {
      reporter: 'Tests & <Co>',
      reportId: '1',
      beginMs: 0,
      domain: 'example.org',
      sourceAddress: '192.0.2.1',
      count: 3,
      disposition: 'reject',
      dkim: 'fail',
      spf: 'fail',
    },
    { count: 1, disposition: 'none', dkim: 'pass' },
  ]);
});

function zipOf(text: string): Buffer {
  const packed = deflateRawSync(text);
  const local = Buffer.alloc(30);
  local.write('PK\u0003\u0004', 'latin1');
  local.writeUInt16LE(8, 8);
  local.writeUInt16LE(5, 26);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50);
  entry.writeUInt16LE(8, 10);
  entry.writeUInt32LE(packed.length, 20);
  entry.writeUInt16LE(5, 28);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt32LE(local.length + 5 + packed.length, 16);
  return Buffer.concat([local, Buffer.from('a.xml'), packed, entry, Buffer.from('a.xml'), end]);
}

test('unpacks gzip and zip, and no bombs', async () => {
  expect(await unpack(gzipSync(xml))).toBe(xml);
  expect(await unpack(zipOf(xml))).toBe(xml);
  expect(await unpack(Buffer.from(xml))).toBe(xml);
  const bomb = Buffer.alloc(1_001);
  await expect(unpack(gzipSync(bomb), 1_000)).rejects.toThrow();
  await expect(unpack(zipOf(bomb.toString('latin1')), 1_000)).rejects.toThrow();
  await expect(unpack(Buffer.from('PK\u0003\u0004 cut off'))).rejects.toThrow();
});

test('what is no report is refused, and entities are not expanded', () => {
  expect(() => readReport('hello')).toThrow();
  expect(() => readReport('<feedback><record/></feedback>')).toThrow();
  expect(() => readReport(xml.replace('<count>3</count>', '<count>-3</count>'))).toThrow();
  const laughs = xml
    .replace('<feedback>', '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><feedback>')
    .replace('<report_id>1', '<report_id>&b;');
  let id = '';
  try {
    id = readReport(laughs)[0]?.reportId ?? '';
  } catch {
    id = 'refused';
  }
  expect(id).not.toContain('haha');
  expect(readReport(xml.replace('<report_id>1', '<report_id>\u001b[2J1'))[0]?.reportId).toBe('[2J1');
});
