/** Threading algorithms (RFC 5256 section 3). Pure; without recursion, so that no chain of replies is too long. */

/** A message to thread. */
export interface ThreadMessage {
  /** What the answer calls it: its sequence number or UID. */
  readonly number: number;
  readonly messageId: string | undefined;
  /** Its ancestors, oldest first. */
  readonly references: readonly string[];
  /** Folded base subject. */
  readonly subject: string;
  readonly isReply: boolean;
  readonly sentAtMs: number;
}

const depthMax = 1000;

interface Node {
  message: ThreadMessage | undefined;
  parent: Node | undefined;
  children: Node[];
}

/** Threads by subject alone: each subject is one message with all others below it, in order of date. */
export function threadBySubject(messages: readonly ThreadMessage[]): string {
  const bySubject = new Map<string, ThreadMessage[]>();
  for (const message of [...messages].sort(byDate)) {
    const thread = bySubject.get(message.subject);
    if (thread === undefined) bySubject.set(message.subject, [message]);
    else thread.push(message);
  }
  let text = '';
  for (const [first, ...rest] of bySubject.values()) {
    const numbers = rest.map((message) => message.number);
    const below = numbers.length === 1 ? ` ${numbers[0]}` : numbers.map((number) => `(${number})`).join('');
    text += `(${first?.number}${numbers.length > 1 ? ' ' : ''}${below})`;
  }
  return text;
}

/** Threads by References and In-Reply-To, then by subject. */
export function threadByReferences(messages: readonly ThreadMessage[]): string {
  let roots = pruned(linkAll(messages));
  sortNodes(roots);
  roots = mergeSubjects(roots);
  sortTree(roots);
  return writeForest(roots);
}

/** Step 1: every message and every ancestor it names gets a node; links never make a circle. */
function linkAll(messages: readonly ThreadMessage[]): Node[] {
  const nodes = new Map<string, Node>();
  const all: Node[] = [];
  const nodeOf = (id: string): Node => {
    let node = nodes.get(id);
    if (node === undefined) {
      node = { message: undefined, parent: undefined, children: [] };
      nodes.set(id, node);
      all.push(node);
    }
    return node;
  };
  for (const message of messages) {
    let previous: Node | undefined;
    for (const id of message.references) {
      const ancestor = nodeOf(id);
      if (previous !== undefined && ancestor.parent === undefined) link(previous, ancestor);
      previous = ancestor;
    }
    const own = ownNode(message, nodes, all, nodeOf);
    if (own.parent !== undefined) unlink(own);
    if (previous !== undefined) link(previous, own);
  }
  return all.filter((node) => node.parent === undefined);
}

/** A second message with the same Message-ID gets a node that nobody refers to. */
function ownNode(
  message: ThreadMessage,
  nodes: ReadonlyMap<string, Node>,
  all: Node[],
  nodeOf: (id: string) => Node,
): Node {
  const id = message.messageId;
  if (id !== undefined && nodes.get(id)?.message === undefined) {
    const node = nodeOf(id);
    node.message = message;
    return node;
  }
  const node: Node = { message, parent: undefined, children: [] };
  all.push(node);
  return node;
}

/** Links unless that made a circle. A thread deeper than the bound is cut in two, so that the check stays short. */
function link(parent: Node, child: Node): void {
  let above: Node | undefined = parent;
  for (let depth = 0; above !== undefined; depth++) {
    if (above === child || depth > depthMax) return;
    above = above.parent;
  }
  child.parent = parent;
  parent.children.push(child);
}

function unlink(child: Node): void {
  const siblings = child.parent?.children;
  siblings?.splice(siblings.indexOf(child), 1);
  child.parent = undefined;
}

/** Step 3: nodes without a message vanish; their children move up, to the top only when it is one. */
function pruned(roots: readonly Node[]): Node[] {
  for (const node of deepestFirst(roots)) {
    node.children = node.children.flatMap((child) =>
      child.message === undefined ? child.children : [child],
    );
    for (const child of node.children) child.parent = node;
  }
  const kept: Node[] = [];
  for (const root of roots) {
    if (root.message !== undefined || root.children.length > 1) kept.push(root);
    else if (root.children[0] !== undefined) {
      root.children[0].parent = undefined;
      kept.push(root.children[0]);
    }
  }
  return kept;
}

/** Step 5: threads at the top with the same subject become one. */
function mergeSubjects(roots: readonly Node[]): Node[] {
  const bySubject = new Map<string, Node>();
  for (const root of roots) {
    const subject = firstMessage(root)?.subject ?? '';
    if (subject === '') continue;
    const known = bySubject.get(subject);
    const isBetter =
      known === undefined ||
      (root.message === undefined && known.message !== undefined) ||
      (known.message?.isReply === true && root.message?.isReply === false);
    if (isBetter) bySubject.set(subject, root);
  }
  const gone = new Set<Node>();
  const replaced = new Map<Node, Node>();
  for (const root of roots) {
    const first = bySubject.get(firstMessage(root)?.subject ?? '');
    if (first === undefined || first === root) continue;
    const target = replaced.get(first) ?? first;
    mergeInto(target, root, first, replaced);
    gone.add(root);
  }
  return roots.filter((root) => !gone.has(root)).map((root) => replaced.get(root) ?? root);
}

function mergeInto(target: Node, root: Node, first: Node, replaced: Map<Node, Node>): void {
  if (target.message === undefined) {
    const moved = root.message === undefined ? root.children : [root];
    for (const child of moved) child.parent = target;
    target.children.push(...moved);
  } else if (root.message?.isReply === true && !target.message.isReply) {
    root.parent = target;
    target.children.push(root);
  } else {
    const top: Node = { message: undefined, parent: undefined, children: [target, root] };
    target.parent = top;
    root.parent = top;
    replaced.set(first, top);
  }
}

/** Steps 4 and 6: siblings in order of date, a node without a message by its first child. */
function sortTree(roots: Node[]): void {
  for (const node of deepestFirst(roots)) sortNodes(node.children);
  sortNodes(roots);
}

function sortNodes(nodes: Node[]): void {
  if (nodes.length < 2) return;
  const keyed = nodes.map((node) => [firstMessage(node), node] as const);
  keyed.sort(([a], [b]) => (a === undefined || b === undefined ? 0 : byDate(a, b)));
  nodes.splice(0, nodes.length, ...keyed.map(([, node]) => node));
}

function firstMessage(node: Node): ThreadMessage | undefined {
  return node.message ?? node.children[0]?.message;
}

function byDate(a: ThreadMessage, b: ThreadMessage): number {
  return a.sentAtMs - b.sentAtMs || a.number - b.number;
}

function deepestFirst(roots: readonly Node[]): Node[] {
  const order: Node[] = [];
  const open = [...roots];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    order.push(node);
    for (const child of node.children) open.push(child);
  }
  return order.reverse();
}

/** `(1 2 (3)(4 5))`: a chain in one pair of parentheses, branches in their own. */
function writeForest(roots: readonly Node[]): string {
  let text = '';
  const open: (Node | string)[] = [];
  const pushAll = (nodes: readonly Node[]) => {
    for (let at = nodes.length - 1; at >= 0; at--) open.push(')', nodes[at] as Node, '(');
  };
  pushAll(roots);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next === 'string') {
      text += next;
      continue;
    }
    if (next.message !== undefined) text += `${next.message.number}`;
    const [only, ...others] = next.children;
    if (only === undefined) continue;
    if (next.message !== undefined) text += ' ';
    if (others.length === 0) open.push(only);
    else pushAll(next.children);
  }
  return text;
}
