console.log('own-plugin: not written yet');
