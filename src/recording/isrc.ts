declare const isrcBrand: unique symbol;

/** An ISRC in canonical form: 12 ASCII characters, `^[A-Z]{2}[A-Z0-9]{3}[0-9]{7}$` (ISO 3901). */
export type Isrc = string & { readonly [isrcBrand]: true };
