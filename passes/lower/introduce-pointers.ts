/**
 * Turns affine indices into pointers: registers that hold an address and advance with the loops, so that an access costs one register and
 * a constant displacement instead of a multiplication per loop.
 *
 *     index = c + f1·v1 + … + fk·vk   (v1 the outermost loop)
 *     p0 = base + c,   entering loop i: pi = p(i-1) + fi·from,   after each iteration: pi += fi·step
 *
 * A pointer is derived afresh at each loop entry, so nothing has to be rewound and loops may start anywhere. Accesses that differ in their
 * constant only share a pointer and differ in displacement; the smallest constant is the pointer's own, so displacements
 * are never negative. Indices without loops stay as they are.
 */
import * as l from "../../src/loops/build.ts";
import {
  i32Type,
  laneBytes,
  type Address,
  type Buffer,
  type LoopAffine,
  type LoopExpression,
  type Procedure,
  type Register,
  type Statement,
} from "../../src/loops/loop.ts";
import { addressesOf, mapAddress, mapAddresses } from "../../src/loops/walk.ts";

/** Where each buffer begins, in bytes: pointers are byte addresses. */
export type BaseOf = (buffer: Buffer) => number;

interface Group {
  readonly buffer: Buffer;
  readonly leader: number;
  /** Outermost loop first. */
  readonly terms: readonly { readonly register: Register; readonly factor: number }[];
}

export function introducePointers(procedure: Procedure, baseOf: BaseOf): Procedure {
  const depths = loopDepths(procedure.body);
  const groups = groupAddresses(procedure, depths);
  const groupOf = (address: Address): Group | undefined => groups.get(keyOf(address, depths));
  const names = new Map<string, number>();
  const fresh = (buffer: Buffer): Register => {
    const name = `${buffer.name}_at`;
    const used = names.get(name) ?? 0;
    names.set(name, used + 1);
    return l.register(used === 0 ? name : `${name}${used}`, i32Type);
  };

  /** `pointers`: for each group, the pointer of the innermost loop around that its terms name. */
  const visit = (statements: readonly Statement[], pointers: ReadonlyMap<Group, Register>): Statement[] => {
    const change = (address: Address): Address => rewriteAddress(address, groupOf(address), pointers, baseOf);
    return statements.flatMap((statement): Statement[] => {
      switch (statement.kind) {
        case "set":
          return [{ ...statement, value: mapAddresses(statement.value, change) }];
        case "store":
          return [
            {
              ...statement,
              address: mapAddress(statement.address, change),
              value: mapAddresses(statement.value, change),
            },
          ];
        case "for":
          return enterLoop(
            {
              ...statement,
              from: mapAddresses(statement.from, change),
              to: mapAddresses(statement.to, change),
            },
            pointers,
          );
        case "fence":
        case "comment":
          return [statement];
      }
    });
  };

  const enterLoop = (
    loop: Extract<Statement, { kind: "for" }>,
    outer: ReadonlyMap<Group, Register>,
  ): Statement[] => {
    const inside = new Set(addressesOf(loop.body).flatMap(({ address }) => groupOf(address) ?? []));
    const pointers = new Map(outer);
    const made = new Map<string, Register>();
    const before: Statement[] = [];
    const advance: Statement[] = [];
    for (const group of inside) {
      const level = group.terms.findIndex(({ register }) => register === loop.variable);
      if (level < 0) continue;
      // Groups that agree so far share the pointer; deeper loops tell them apart.
      const factorBytes = group.terms[level]!.factor * laneBytes[group.buffer.element];
      const prefix = group.terms
        .slice(0, level + 1)
        .map(({ register, factor }) => `${register.name}*${factor}`);
      const key = `${group.buffer.name}|${group.leader}|${prefix.join("|")}`;
      let pointer = made.get(key);
      if (pointer === undefined) {
        pointer = fresh(group.buffer);
        made.set(key, pointer);
        const start = originOf(group, outer, baseOf);
        before.push(l.set(pointer, l.add(l.mul(loop.from, l.i32(factorBytes)), start)));
        advance.push(l.set(pointer, l.add(l.read(pointer), l.i32(factorBytes * loop.step))));
      }
      pointers.set(group, pointer);
    }
    return [...before, { ...loop, body: [...visit(loop.body, pointers), ...advance] }];
  };

  return { ...procedure, body: visit(procedure.body, new Map()) };
}

const originOf = (group: Group, pointers: ReadonlyMap<Group, Register>, baseOf: BaseOf): LoopExpression => {
  const pointer = pointers.get(group);
  return pointer === undefined
    ? l.i32(baseOf(group.buffer) + group.leader * laneBytes[group.buffer.element])
    : l.read(pointer);
};

function rewriteAddress(
  address: Address,
  group: Group | undefined,
  pointers: ReadonlyMap<Group, Register>,
  baseOf: BaseOf,
): Address {
  const bytes = laneBytes[address.buffer.element];
  if (group === undefined) {
    const constant = baseOf(address.buffer) + address.index.constant * bytes;
    return { ...address, index: l.loopAffine(constant), unit: "byte" };
  }
  const pointer = pointers.get(group);
  if (pointer === undefined)
    throw new Error(`internal: an address of ${address.buffer.name} names a loop it is not in`);
  const displacement = (address.index.constant - group.leader) * bytes;
  return { ...address, index: l.loopAffine(displacement, [{ register: pointer, factor: 1 }]), unit: "byte" };
}

type Depths = ReadonlyMap<Register, number>;

function loopDepths(statements: readonly Statement[]): Depths {
  const depths = new Map<Register, number>();
  const visit = (list: readonly Statement[], depth: number): void => {
    for (const statement of list)
      if (statement.kind === "for") {
        depths.set(statement.variable, depth);
        visit(statement.body, depth + 1);
      }
  };
  visit(statements, 0);
  return depths;
}

const sortedTerms = ({ terms }: LoopAffine, depths: Depths): LoopAffine["terms"] =>
  [...terms].sort((a, b) => depths.get(a.register)! - depths.get(b.register)!);

const keyOf = ({ buffer, index }: Address, depths: Depths): string =>
  [
    buffer.name,
    ...sortedTerms(index, depths).map(({ register, factor }) => `${register.name}*${factor}`),
  ].join("|");

function groupAddresses(procedure: Procedure, depths: Depths): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const { address } of addressesOf(procedure.body)) {
    const { buffer, index } = address;
    if (index.terms.length === 0) continue;
    for (const { register } of index.terms)
      if (!depths.has(register))
        throw new Error(`internal: ${register.name} indexes ${buffer.name} and is no loop variable`);
    const key = keyOf(address, depths);
    const leader = Math.min(groups.get(key)?.leader ?? index.constant, index.constant);
    groups.set(key, { buffer, leader, terms: sortedTerms(index, depths) });
  }
  return groups;
}
