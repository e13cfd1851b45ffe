/** Elements of the page. Whatever they say is set as text: nothing on this page is parsed as markup. */

/** The element of the page with an id. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`there is no #${id}`)
  return element
}

/** A new element. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className = '',
  text = '',
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag)
  if (className !== '') element.className = className
  if (text !== '') element.textContent = text
  return element
}

/** Sets a text, if it is another one: what has not changed is not read out again, nor painted. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

export function setClass(element: Element, className: string): void {
  if (element.className !== className) element.className = className
}

/**
 * Makes the children of `parent` be those of `items`, in their order. One whose key was there before
 * stays the same element: what is open stays open, and what has the focus keeps it.
 *
 * @param update fills an element with its item
 */
export function keepChildren<Item>(
  parent: Element,
  items: readonly Item[],
  keyOf: (item: Item) => string,
  create: (item: Item) => HTMLElement,
  update: (element: HTMLElement, item: Item) => void,
): void {
  const before = new Map<string, HTMLElement>()
  for (const child of parent.children)
    if (child instanceof HTMLElement) before.set(child.dataset['key'] ?? '', child)
  const wanted = items.map((item) => {
    const key = keyOf(item)
    const element = before.get(key) ?? create(item)
    element.dataset['key'] = key
    before.delete(key)
    update(element, item)
    return element
  })
  for (const gone of before.values()) gone.remove()
  for (const [index, element] of wanted.entries())
    if (parent.children[index] !== element)
      parent.insertBefore(element, parent.children[index] ?? null)
}
