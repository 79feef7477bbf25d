/** What a file really is, by its first octets. */

/** Octets that are enough to tell. */
export const sniffOctets = 1_024;

type Signature = readonly [type: string, offset: number, octets: Buffer];

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

const signatures: readonly Signature[] = [
  ['application/x-dosexec', 0, Buffer.from('MZ')],
  ['application/x-elf', 0, hex('7f 45 4c 46')],
  ['application/x-mach-binary', 0, hex('fe ed fa ce')],
  ['application/x-mach-binary', 0, hex('fe ed fa cf')],
  ['application/x-mach-binary', 0, hex('cf fa ed fe')],
  ['application/java-vm', 0, hex('ca fe ba be')],
  ['application/x-ms-shortcut', 0, hex('4c 00 00 00 01 14 02 00')],
  ['application/zip', 0, hex('50 4b 03 04')],
  ['application/zip', 0, hex('50 4b 05 06')],
  ['application/x-rar', 0, Buffer.from('Rar!')],
  ['application/x-7z-compressed', 0, hex('37 7a bc af 27 1c')],
  ['application/gzip', 0, hex('1f 8b')],
  ['application/x-bzip2', 0, Buffer.from('BZh')],
  ['application/x-xz', 0, hex('fd 37 7a 58 5a 00')],
  ['application/zstd', 0, hex('28 b5 2f fd')],
  ['application/vnd.ms-cab-compressed', 0, Buffer.from('MSCF')],
  ['application/x-tar', 257, Buffer.from('ustar')],
  ['application/x-ole-storage', 0, hex('d0 cf 11 e0 a1 b1 1a e1')],
  ['application/pdf', 0, Buffer.from('%PDF-')],
  ['application/rtf', 0, Buffer.from('{\\rt')],
  ['image/png', 0, hex('89 50 4e 47 0d 0a 1a 0a')],
  ['image/jpeg', 0, hex('ff d8 ff')],
  ['image/gif', 0, Buffer.from('GIF8')],
  ['image/webp', 8, Buffer.from('WEBP')],
  ['application/postscript', 0, Buffer.from('%!PS')],
  ['text/x-shellscript', 0, Buffer.from('#!')],
];

/** The media type; `undefined` when the octets tell none. */
export function realTypeOf(first: Buffer): string | undefined {
  for (const [type, offset, octets] of signatures) {
    if (first.subarray(offset, offset + octets.length).equals(octets)) return type;
  }
  return undefined;
}

/** Archives that are known by their octets and not looked into. */
export const opaqueArchives: ReadonlySet<string> = new Set([
  'application/x-rar',
  'application/x-7z-compressed',
  'application/gzip',
  'application/x-bzip2',
  'application/x-xz',
  'application/zstd',
  'application/x-tar',
  'application/vnd.ms-cab-compressed',
]);

/** Which types a name's ending allows; endings that are not here allow any. */
const byEnding: Readonly<Record<string, readonly string[]>> = {
  pdf: ['application/pdf'],
  png: ['image/png'],
  jpg: ['image/jpeg'],
  jpeg: ['image/jpeg'],
  gif: ['image/gif'],
  webp: ['image/webp'],
  txt: [],
  csv: [],
  docx: ['application/zip', 'application/x-ole-storage'],
  xlsx: ['application/zip', 'application/x-ole-storage'],
  pptx: ['application/zip', 'application/x-ole-storage'],
  doc: ['application/x-ole-storage', 'application/rtf', 'application/zip'],
  xls: ['application/x-ole-storage', 'application/zip'],
  ppt: ['application/x-ole-storage', 'application/zip'],
  zip: ['application/zip'],
};

/** Whether to look into it as a zip archive: by its octets, or because its name or sender says so. */
export function isZip(name: string, realType: string | undefined, claimedType = ''): boolean {
  return (
    realType === 'application/zip' || endingOf(name) === 'zip' || /^application\/(?:x-)?zip/.test(claimedType)
  );
}

/** Whether a file of this real type hides behind the name. */
export function isDisguised(name: string, realType: string | undefined): boolean {
  const ending = endingOf(name);
  const allowed = Object.hasOwn(byEnding, ending) ? byEnding[ending] : undefined;
  return realType !== undefined && allowed !== undefined && !allowed.includes(realType);
}

/** What stands behind the last dot, in lower case; blanks and dots at the end are no part of it, as for Windows. */
export function endingOf(name: string): string {
  const plain = name.toLowerCase().replace(/[. ]+$/, '');
  const dot = plain.lastIndexOf('.');
  return dot < 0 ? '' : plain.slice(dot + 1).trim();
}
