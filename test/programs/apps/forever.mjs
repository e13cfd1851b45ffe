// Does something, but never listens.
setInterval(() => {}, 1000)
export const number = 5
