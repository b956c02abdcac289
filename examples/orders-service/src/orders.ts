/** Demo orders, in memory: every subject starts with the same three. */
export interface Order {
  readonly id: string;
  readonly item: string;
  readonly quantity: number;
  readonly state: "placed" | "packed" | "shipped";
}

export type OrderRequest = Pick<Order, "item" | "quantity">;

export const CATALOGUE = [
  { item: "Brass padlock", priceCents: 1890 },
  { item: "Oak door", priceCents: 42000 },
  { item: "Iron hinge", priceCents: 750 },
  { item: "Portcullis winch", priceCents: 129900 },
] as const;

const FIRST_ORDERS: readonly Omit<Order, "id">[] = [
  { item: "Brass padlock", quantity: 2, state: "shipped" },
  { item: "Iron hinge", quantity: 8, state: "packed" },
  { item: "Oak door", quantity: 1, state: "placed" },
];

/** Memory stays bounded, whoever calls: the oldest orders of a subject, and the oldest subject, are dropped. */
const MAX_ORDERS = 50;
const MAX_SUBJECTS = 1000;

export class Orders {
  readonly #bySubject = new Map<string, Order[]>();
  #count = 1000;

  of(subject: string): readonly Order[] {
    return this.#listOf(subject);
  }

  place(subject: string, { item, quantity }: OrderRequest): Order {
    const order = this.#order({ item, quantity, state: "placed" });
    const orders = this.#listOf(subject);
    orders.push(order);
    if (orders.length > MAX_ORDERS) orders.shift();
    return order;
  }

  #listOf(subject: string): Order[] {
    const known = this.#bySubject.get(subject);
    if (known !== undefined) return known;
    const orders = FIRST_ORDERS.map((order) => this.#order(order));
    if (this.#bySubject.size >= MAX_SUBJECTS) this.#bySubject.delete(this.#bySubject.keys().next().value!);
    this.#bySubject.set(subject, orders);
    return orders;
  }

  #order(order: Omit<Order, "id">): Order {
    return { id: `order-${++this.#count}`, ...order };
  }
}
