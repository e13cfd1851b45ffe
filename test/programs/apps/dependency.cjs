exports.isMain = (module) => require.main === module && require.main !== exports
