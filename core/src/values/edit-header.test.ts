import { describe, expect, it } from 'vitest';
import { editHeader, type HeaderEdit } from './edit-header.js';

const section = 'From: a@x\r\nReceived: one\r\n\tfolded\r\nSubject:  odd   blanks\r\nreceived: two\r\n\r\n';

function edited(edits: readonly HeaderEdit[], text = section): string {
  return Buffer.from(editHeader(Buffer.from(text), edits)).toString();
}

const field = (name: string, value: string) => ({ name, value });

describe('editing a header section', () => {
  it('leaves every octet as it was when there is nothing to do', () => {
    expect(edited([])).toBe(section);
    expect(edited([], '\r\n')).toBe('\r\n');
    expect(edited([], 'no field\r\nA: b\r\nstray\r\n\r\n')).toBe('no field\r\nA: b\r\nstray\r\n\r\n');
  });

  it('inserts at a place and appends', () => {
    const edits: readonly HeaderEdit[] = [
      { kind: 'insert', index: 0, field: field('X-Top', '1') },
      { kind: 'insert', index: 2, field: field('X-Second', '2') },
      { kind: 'insert', index: 99, field: field('X-Late', '3') },
      { kind: 'append', field: field('X-Last', '4') },
    ];
    expect(edited(edits, 'A: b\r\nC: d\r\n\r\n')).toBe(
      'X-Top: 1\r\nA: b\r\nX-Second: 2\r\nC: d\r\nX-Late: 3\r\nX-Last: 4\r\n\r\n',
    );
  });

  it('replaces and removes by occurrence, whatever the case', () => {
    expect(edited([{ kind: 'replace', occurrence: 2, field: field('Received', 'new') }])).toContain(
      'Subject:  odd   blanks\r\nReceived: new\r\n\r\n',
    );
    expect(edited([{ kind: 'remove', name: 'RECEIVED', occurrence: 1 }])).toBe(
      'From: a@x\r\nSubject:  odd   blanks\r\nreceived: two\r\n\r\n',
    );
    expect(edited([{ kind: 'remove', name: 'received' }])).toBe(
      'From: a@x\r\nSubject:  odd   blanks\r\n\r\n',
    );
    expect(edited([{ kind: 'replace', occurrence: 3, field: field('Received', 'no') }])).toBe(section);
  });

  it('ends a line that has no end and a section that has none', () => {
    expect(edited([{ kind: 'append', field: field('C', 'd') }], 'A: b')).toBe('A: b\r\nC: d\r\n\r\n');
  });

  it('refuses a field that would break out', () => {
    expect(() => edited([{ kind: 'append', field: field('A', 'b\r\n\r\nbody') }])).toThrow(RangeError);
  });
});
